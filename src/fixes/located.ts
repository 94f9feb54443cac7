import type { Finding, Fix, Frame } from '../monitor/finding.ts';
import type { TrainingRequest } from '../project/project.ts';

/** A place in a local file. */
export interface LocalPlace {
  /** Absolute local path. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based column range of what is meant, if narrower than the line. */
  readonly columns?: { readonly start: number; readonly end: number };
}

/** What made a place the right one to show a finding at. */
export type PlaceSource =
  | 'frame' // the innermost frame of the project's own code
  | 'setting' // where the project sets the hyper-parameter that the finding is about
  | 'config'; // the line of runpod.json that started the run

/** A finding, and where it belongs on this machine. */
export interface LocatedFinding {
  readonly finding: Finding;
  /** Null when the project has no file for it (no runpod.json, say). */
  readonly place: (LocalPlace & { readonly source: PlaceSource }) | null;
  /** The other frames that are local files, innermost first. */
  readonly related: readonly { readonly place: LocalPlace; readonly frame: Frame }[];
  /** What can be done here and now, best first. */
  readonly actions: readonly FixAction[];
}

/** A replacement in a local file; offsets in UTF-16 code units of the text as it was read. */
export interface FileEdit {
  readonly file: string;
  readonly line: number;
  readonly start: number;
  readonly end: number;
  /** What must stand there, so that a file changed meanwhile is not edited blindly. */
  readonly oldText: string;
  readonly newText: string;
}

/** A fix of a finding made concrete for this project. Its title says what it does by itself; a face that trains again after it says so too. */
export type FixAction =
  | {
      readonly kind: 'edit';
      readonly title: string;
      readonly fix: Fix;
      /** As the file calls it. */ readonly setting: string;
      readonly edit: FileEdit;
    }
  /** Advice made an edit of the project's source: to be looked at before it is kept. */
  | {
      readonly kind: 'suggest-edit';
      readonly title: string;
      readonly fix: Fix;
      readonly edit: FileEdit;
      /** The edit as people read it. */ readonly diff: string;
    }
  | { readonly kind: 'install'; readonly title: string; readonly fix: Fix; readonly command: string }
  | { readonly kind: 'deploy'; readonly title: string; readonly fix: Fix; readonly files: readonly string[] }
  /** Run a stage of the project that makes what is missing. */
  | {
      readonly kind: 'run-stage';
      readonly title: string;
      readonly fix: Fix;
      readonly stage: string;
      /** As it will run, for people to read. */ readonly command: string;
      /** What starts it. */ readonly request: TrainingRequest;
    }
  | { readonly kind: 'deploy-and-retrain'; readonly title: string; readonly fix: Fix; readonly files: readonly string[] };
