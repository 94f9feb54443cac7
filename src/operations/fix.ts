import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { FixAction, LocatedFinding } from '../fixes/located.ts';
import type { RunManifest } from '../runs/run.ts';
import { transfer } from './deploy.ts';
import { actionText, shortPath } from './findings.ts';
import { operation } from './operation.ts';
import { bounded } from './text.ts';
import { chosenRun } from './training.ts';

const actionSchema = z.object({
  number: z.int(),
  kind: z.enum(['edit', 'install', 'deploy', 'deploy-and-retrain', 'run-stage']),
  title: z.string(),
  finding: z.string().describe('Type and message of the finding it is for.'),
});

/** Causes before consequences, what failed before what was only remarked on. */
export async function ranked(found: readonly LocatedFinding[]): Promise<LocatedFinding[]> {
  const { rankFindings } = await import('../monitor/summary.ts');
  const order = rankFindings(found.map(({ finding }) => finding));
  return [...found].sort((a, b) => order.indexOf(a.finding) - order.indexOf(b.finding));
}

export const fix = operation({
  name: 'fix',
  title: 'Apply a fix',
  description:
    'Lists what can be done about the findings of a run, or does one of these things: changes a local setting, installs a package on the pod, deploys files, runs a stage.',
  effect: 'write',
  input: z.object({
    run: z.string().min(1).optional().describe('Id of the run; default: the newest.'),
    number: z.int().min(1).optional().describe('Which of the listed fixes to apply; without it they are listed.'),
    title: z.string().min(1).optional().describe('The same by its title, as findings gives it.'),
  }),
  output: z.object({
    run: z.string(),
    model: z.string().nullable(),
    actions: z.array(actionSchema),
    findings: z.int(),
    applied: z
      .object({
        number: z.int(),
        kind: z.string(),
        done: z.string(),
        files: z.array(z.string()).describe('Local files that were changed, below the project.'),
      })
      .nullable(),
  }),
  tool: 'apply_fix',
  positional: ['run', 'number'],
  examples: [
    ['rpo fix', 'what can be done about the newest run'],
    ['rpo fix RUN 1', 'do the first of it'],
  ],
  async handle(context, input, call) {
    // `rpo fix 2`: a number is no run.
    const isNumber = input.number === undefined && input.run !== undefined && /^\d{1,3}$/.test(input.run);
    const given = isNumber ? Number(input.run) : input.number;
    const orchestrator = await context.orchestrator();
    call.progress({ message: 'reading the log of the run' });
    const { manifest } = await chosenRun(orchestrator, isNumber ? undefined : input.run, call.signal);
    const found = await orchestrator.findingsOf(manifest.id, call.signal);
    const findings = await ranked(found);
    const root = orchestrator.project.root;
    const all: { readonly action: FixAction; readonly finding: string }[] = [];
    const texts = new Set<string>();
    for (const { finding, actions } of findings) {
      for (const action of actions) {
        const text = actionText(action);
        if (texts.has(text)) continue;
        texts.add(text);
        all.push({ action, finding: `${finding.type}: ${finding.message}` });
      }
    }
    const actions = all.map(({ action, finding }, i) => ({ number: i + 1, kind: action.kind, title: actionText(action), finding }));
    const report = { run: manifest.id, model: manifest.model, actions, findings: findings.length };
    const titled = input.title === undefined ? undefined : actions.findIndex(({ title }) => title === input.title) + 1;
    const number = given ?? titled;
    if (number === undefined) return { ...report, applied: null };
    const action = all[number - 1]?.action;
    if (!action)
      throw new UserError(
        'bad-argument',
        actions.length === 0
          ? `There is nothing that could be applied by itself for run ${manifest.id}. \`rpo follow ${manifest.id}\` shows its findings.`
          : `There is no fix ${input.title ?? number}; \`rpo fix ${manifest.id}\` lists ${actions.length === 1 ? 'one' : `1 to ${actions.length}`}.`,
      );
    if (action.kind === 'edit') await checkUnchanged(action.edit.file, shortPath(action.edit.file, root), manifest);
    call.progress({ message: action.title });
    const done = await orchestrator.applyFix(action, {
      ...transfer(call, action.title),
      onOutput: (text) => call.emit({ kind: 'output', stream: 'stdout', text }),
    });
    const files = action.kind === 'edit' ? [shortPath(action.edit.file, root)] : [];
    return { ...report, applied: { number, kind: action.kind, done, files } };
  },
  render({ run, model, actions, findings, applied }) {
    const train = model === null ? 'start it again' : `\`rpo train ${model}\``;
    if (applied) {
      const [file] = applied.files;
      return `${applied.done} ${file === undefined ? `Now ${train}.` : `Now \`rpo deploy ${file}\`, then ${train}.`}`;
    }
    if (findings === 0) return `Nothing wrong was found in run ${run}.`;
    if (actions.length === 0)
      return `Nothing could be applied by itself for run ${run}. \`rpo follow ${run}\` shows its ${findings === 1 ? 'finding' : `${findings} findings`} and what to do.`;
    const lines = actions.map(({ number, title, finding }) => `[${number}] ${title}\n    for ${finding.slice(0, 160)}`);
    return [...bounded(lines, 20, 'fix'), `Apply one with \`rpo fix ${run} NUMBER\`.`].join('\n');
  },
});

/** The same fix twice would scale a setting twice: the file must be the one that the run was started with. */
async function checkUnchanged(file: string, path: string, manifest: RunManifest): Promise<void> {
  const then = manifest.sources[path];
  if (
    then === undefined ||
    then ===
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex')
  )
    return;
  throw new UserError(
    'local-failed',
    `${path} is not what it was when run ${manifest.id} started, so this fix may be in it already. Deploy it and train again, or change it by hand.`,
  );
}
