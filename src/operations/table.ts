import { deploy } from './deploy.ts';
import { exec, verify } from './inspect.ts';
import { monitor } from './monitor.ts';
import type { Operation } from './operation.ts';
import { follow, runs, stop, train } from './training.ts';

/** Everything that can be asked for. Faces are made from this list; its order is the order of `rpo --help`. */
export const operations: readonly Operation[] = [verify, deploy, exec, train, runs, follow, stop, monitor];
