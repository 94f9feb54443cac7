import { deploy } from './deploy.ts';
import { download, logs, results, upload } from './files.ts';
import { exec, verify } from './inspect.ts';
import { fix } from './fix.ts';
import { monitor } from './monitor.ts';
import type { Operation } from './operation.ts';
import { pods, podsAdd, podsRemove, podsSelect, podsTrust } from './pods.ts';
import { validate } from './validate.ts';
import { follow, runs, stop, train } from './training.ts';

/** Everything that can be asked for. Faces are made from this list; its order is the order of `rpo --help`. */
export const operations: readonly Operation[] = [
  verify,
  deploy,
  exec,
  train,
  runs,
  follow,
  stop,
  fix,
  results,
  logs,
  validate,
  upload,
  download,
  monitor,
  pods,
  podsAdd,
  podsSelect,
  podsTrust,
  podsRemove,
];
