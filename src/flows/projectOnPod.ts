import { posix } from 'node:path';
import { PathMap } from '../core/pathMap.ts';
import type { MaySend } from '../deploy/deploy.ts';
import type { Pod } from '../pod/pod.ts';
import { type PodPlaces, type Project, remoteRootOf, setUpLines } from '../project/project.ts';
import type { Run } from '../runs/run.ts';

/** Asked before something is done; each throws what is to be told instead. */
export interface Permissions extends MaySend {
  /** Before a local file is written to that is named or fetched. */
  readonly mayWriteLocal?: (localPath: string) => Promise<void>;
  /** Before a command runs that is not the project's own. */
  readonly mayRun?: (command: string) => void;
  /** Before a run is started, with the runs there are. */
  readonly mayStart?: (runs: readonly Run[]) => void;
}

/** What every flow needs to know: which project on which pod, where it lies there, and what may be done. */
export class ProjectOnPod {
  /** The project's folder on the pod, absolute. */
  readonly remoteRoot: string;
  readonly map: PathMap;

  constructor(
    readonly project: Project,
    readonly pod: Pod,
    /** Where things lie on this pod. */
    readonly places: PodPlaces,
    readonly may: Permissions,
  ) {
    this.remoteRoot = remoteRootOf(project, places);
    this.map = new PathMap(project.root, this.remoteRoot, process.platform === 'win32' ? 'win32' : 'posix');
  }

  /** Where a path is on the pod, absolute; what is not absolute is below the remote root. */
  remotePath(path: string): string {
    return posix.resolve(this.remoteRoot, path);
  }

  /**
   * Shell lines that go to the project's folder and into its environment.
   *
   * @param withoutActivate what is done when the activate script that runpod.json names is missing; default 'stop'
   */
  setUp(withoutActivate?: 'stop' | 'warn'): string {
    return setUpLines(this.project, this.places, withoutActivate);
  }
}
