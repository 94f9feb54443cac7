import { clean } from './clean.ts';
import { deploy } from './deploy.ts';
import { gpu, gpuKill } from './gpu.ts';
import { download, logs, results, upload } from './files.ts';
import { exec, verify } from './inspect.ts';
import { fix } from './fix.ts';
import { journal } from './journal.ts';
import { monitor } from './monitor.ts';
import type { Operation } from './operation.ts';
import { pods, podsAdd, podsRemove, podsSelect, podsTrust } from './pods.ts';
import { test } from './test.ts';
import { validate } from './validate.ts';
import { repair } from './repair.ts';
import { pipelines, retrain } from './retrain.ts';
import { selftest } from './selftest.ts';
import { reinstall } from './reinstall.ts';
import { retry, start } from './start.ts';
import { findings, readLog, status } from './status.ts';
import { task } from './task.ts';
import { follow, runs, stop, train } from './training.ts';
import { wait } from './wait.ts';

/** Everything that can be asked for. Faces are made from this list; its order is the order of `rpo --help`. */
export const operations: readonly Operation[] = [
  test,
  verify,
  repair,
  reinstall,
  selftest,
  deploy,
  exec,
  gpu,
  gpuKill,
  train,
  retrain,
  pipelines,
  start,
  runs,
  follow,
  wait,
  status,
  findings,
  readLog,
  fix,
  retry,
  stop,
  results,
  logs,
  validate,
  task,
  clean,
  upload,
  download,
  monitor,
  journal,
  pods,
  podsAdd,
  podsSelect,
  podsTrust,
  podsRemove,
];

/** What agents are offered; the rest is for people. */
export const agentOperations: readonly Operation[] = operations.filter(({ audience }) => audience !== 'people');

/** An operation's name as a tool of agents. */
export function toolName({ name, tool }: Operation): string {
  return tool ?? name.replaceAll(' ', '_');
}
