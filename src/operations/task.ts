import { z } from 'zod';
import { isAbsolute, resolve } from 'node:path';
import { UserError } from '../core/errors.ts';
import { maskSecrets } from '../core/secrets.ts';
import { stripControl } from '../core/terminal.ts';
import { statusWord } from '../runs/run.ts';
import { taskStatuses } from '../tasks/taskText.ts';
import { cut } from './evidence.ts';
import { shortPath } from './findings.ts';
import { ranked } from './fixList.ts';
import { operation } from './operation.ts';
import { withTail } from './tails.ts';
import { bounded, count } from './text.ts';
import { chosenRun, runSchema, runRecord } from './training.ts';

export const task = operation({
  name: 'task',
  audience: 'people',
  title: 'Write a run to a task',
  description:
    'Adds how an ended run went (exit code, findings, metrics) to the details of a Task Master task, and sets its status if told to.',
  effect: 'write',
  input: z.object({
    run: z.string().min(1).optional().describe('Id of the run; default: the newest.'),
    task: z
      .string()
      .regex(/^\d+(\.\d+)?$/, 'the id of a task or subtask, like 3 or 3.2')
      .describe('Task or subtask, e.g. 3.2.'),
    tag: z.string().min(1).optional().describe('Default: the one in use.'),
    status: z.enum(taskStatuses).optional().describe('Default: as it is.'),
    file: z.string().min(1).optional().describe('Default: .taskmaster/tasks/tasks.json here or above.'),
  }),
  output: z.object({
    run: runSchema,
    file: z.string(),
    tag: z.string(),
    task: z.string(),
    changed: z.boolean().describe('False when all of it stood there already.'),
    status: z.enum(taskStatuses).nullable().describe('What it was set to.'),
    note: z.string(),
  }),
  positional: ['run'],
  localPaths: ['file'],
  examples: [
    ['rpo task --task 3.2', 'the newest run, to subtask 2 of task 3'],
    ['rpo task RUN --task 3 --status done', 'and the task is done'],
  ],
  async handle(context, { run: id, task: taskId, status, ...input }, { signal }) {
    const { activeTag, findTasksFile, updateTask } = await import('../tasks/taskFile.ts');
    const given = input.file === undefined ? null : isAbsolute(input.file) ? input.file : resolve(context.projectRoot, input.file);
    const file = given ?? (await findTasksFile(context.projectRoot));
    if (file === null)
      throw new UserError(
        'not-configured',
        `There is no .taskmaster/tasks/tasks.json in ${context.projectRoot} or above it. Make one with \`task-master init\`, or name the file.`,
      );
    const tag = input.tag ?? (await activeTag(file));
    const orchestrator = await context.orchestrator();
    const { manifest } = await chosenRun(orchestrator, id, signal);
    return withTail(orchestrator, manifest.id, signal, async (tail) => {
      const run = await tail.catchUp(orchestrator.runs, manifest.id, signal);
      if (run.status.kind === 'running')
        throw new UserError(
          'bad-argument',
          `Run ${manifest.id} is still going on. Wait for its end (\`rpo follow ${manifest.id}\`), then write it to the task.`,
        );
      const located = await ranked(await Promise.all(tail.monitor.getErrors().map((one) => orchestrator.findings.locate(one, manifest))));
      const findings = located.map(({ finding, place }) => {
        const where = place === null ? '' : ` at ${shortPath(place.file, orchestrator.project.root)}:${place.line}`;
        return `- ${finding.severity} ${finding.type}${where}: ${cut(finding.message, 300)} ${cut(finding.suggestion, 300)}`;
      });
      const { epoch, epochs, metrics } = tail.monitor.summary();
      const ended = run.status.kind === 'exited' ? ` with exit code ${run.status.exitCode}` : ' without an exit code';
      const nothing = statusWord(run.status) === 'succeeded' ? 'Nothing wrong was found.' : 'Nothing in its log tells why.';
      const note = plain(
        [
          `RunPod run ${manifest.id} on ${orchestrator.pod.name}: ${statusWord(run.status)}${ended}.`,
          `Command: ${cut(manifest.command, 500)}`,
          ...(epoch === null ? [] : [`Got to epoch ${epoch}${epochs === null ? '' : ` of ${epochs}`}.`]),
          ...(metrics.length === 0 ? [] : ['Metrics:', metrics.map(metricLine).join('\n')]),
          ...(findings.length === 0
            ? [nothing]
            : [`${count(findings.length, 'finding')}, causes first:`, bounded(findings, 10, 'finding').join('\n')]),
        ].join('\n'),
      );
      const changed = await updateTask(file, tag, taskId, {
        at: new Date().toISOString(),
        note,
        ...(status === undefined ? {} : { status }),
      });
      return { run: runRecord(run), file, tag, task: taskId, changed, status: status ?? null, note };
    });
  },
  render({ run, file, tag, task: id, changed, status, note }) {
    if (!changed) return `Task ${id} (tag ${tag}) holds all of run ${run.id} already: ${file}`;
    const set = status === null ? '' : `; its status is ${status}`;
    return [cut(note, 3_000), '', `Written to task ${id} (tag ${tag}) in ${file}${set}.`].join('\n');
  },
});

function metricLine(metric: {
  readonly name: string;
  readonly last: number;
  readonly best: number;
  readonly bestEpoch: number | null;
}): string {
  const { name, last, best, bestEpoch } = metric;
  const number = (value: number) => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value).toLowerCase());
  return `- ${cut(name, 60)}: last ${number(last)}${best === last ? '' : `, best ${number(best)}${bestEpoch === null ? '' : ` in epoch ${bestEpoch}`}`}`;
}

/** What a log brought in must neither end the block it stands in nor bring a secret into a file that is committed. */
function plain(text: string): string {
  return maskSecrets(stripControl(text)).replaceAll(/<(\/?info added on)/g, '($1');
}
