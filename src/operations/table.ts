import { deploy } from './deploy.ts';
import { exec, verify } from './inspect.ts';
import { fix } from './fix.ts';
import { monitor } from './monitor.ts';
import type { Operation } from './operation.ts';
import { pods, podsAdd, podsRemove, podsSelect } from './pods.ts';
import { follow, runs, stop, train } from './training.ts';

/** Everything that can be asked for. Faces are made from this list; its order is the order of `rpo --help`. */
export const operations: readonly Operation[] = [verify, deploy, exec, train, runs, follow, stop, fix, monitor, pods, podsAdd, podsSelect, podsRemove];
