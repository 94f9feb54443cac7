/** What is told about work on the pod that did not come to its end: in which state things are now. */
export interface Ending {
  readonly cancelled: string;
  /** After "The connection to … was lost." */
  readonly lost: string;
  /** How long it may take over ending, in milliseconds; default 2,000. */
  readonly graceMs?: number;
}

export const commandEnding: Ending = {
  cancelled: 'The command was cancelled and ended on the pod.',
  lost: 'The command may have run, wholly or in part, and may go on there. Look before you run it again.',
};

export const readingEnding: Ending = {
  cancelled: 'Looking at the pod was cancelled.',
  lost: 'Nothing was changed there; try again when it can be reached.',
};

export const sendingEnding: Ending = {
  cancelled: 'The upload was cancelled. Nothing was replaced on the pod.',
  lost: 'Nothing was replaced on the pod; send it again when it can be reached.',
};

/** From when the pod may be renaming: it is not killed at that, so that a set stays all or none. */
export const placingEnding: Ending = {
  cancelled: sendingEnding.cancelled,
  lost: 'The files are in place either all or none; send them again to be sure.',
  graceMs: 30_000,
};

export const fetchingEnding: Ending = {
  cancelled: 'The download was cancelled. What was there before is untouched.',
  lost: 'No local file was left half written; download again when it can be reached.',
};
