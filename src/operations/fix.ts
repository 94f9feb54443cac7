import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { transfer } from './deploy.ts';
import { shortPath } from './findings.ts';
import { fixLines, fixRecords, fixSchema, numberedFixes } from './fixList.ts';
import { operation } from './operation.ts';
import { chosenRun } from './training.ts';

export const fix = operation({
  name: 'fix',
  title: 'Apply a fix',
  description:
    'Lists what can be done about the findings of a run, or does one of these things: changes a local setting, makes a suggested edit of the source, installs a package on the pod, deploys files, runs a stage.',
  effect: 'write',
  input: z.object({
    run: z.string().min(1).optional().describe('Id of the run; default: the newest.'),
    number: z.int().min(1).optional().describe('Number of the fix to apply; without it the fixes are listed.'),
    title: z.string().min(1).optional().describe('The title of the fix instead of its number.'),
  }),
  output: z.object({
    run: z.string(),
    model: z.string().nullable(),
    actions: z.array(fixSchema),
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
    const found = await orchestrator.findings.ofRun(manifest.id, call.signal);
    const fixes = await numberedFixes(found);
    const root = orchestrator.project.root;
    const report = {
      run: manifest.id,
      model: manifest.model,
      actions: await fixRecords(orchestrator, manifest, fixes),
      findings: found.length,
    };
    const titled = input.title === undefined ? undefined : fixes.findIndex(({ title }) => title === input.title) + 1;
    const number = given ?? titled;
    if (number === undefined) return { ...report, applied: null };
    const action = fixes[number - 1]?.action;
    if (!action)
      throw new UserError(
        'bad-argument',
        fixes.length === 0
          ? `There is nothing that could be applied by itself for run ${manifest.id}. \`rpo follow ${manifest.id}\` shows its findings.`
          : `There is no fix ${input.title ?? number}; \`rpo fix ${manifest.id}\` lists ${fixes.length === 1 ? 'one' : `1 to ${fixes.length}`}.`,
      );
    call.progress({ message: action.title });
    const done = await orchestrator.findings.apply(action, {
      run: manifest,
      ...transfer(call, action.title),
      onOutput: (text) => call.emit({ kind: 'output', stream: 'stdout', text }),
    });
    const files = action.kind === 'edit' || action.kind === 'suggest-edit' ? [shortPath(action.edit.file, root)] : [];
    return { ...report, applied: { number, kind: action.kind, done, files } };
  },
  render({ run, model, actions, findings, applied }) {
    if (applied) return `${applied.done} ${nextStep(applied, model)}`;
    if (findings === 0) return `Nothing wrong was found in run ${run}.`;
    if (actions.length === 0)
      return `Nothing could be applied by itself for run ${run}. \`rpo follow ${run}\` shows its ${findings === 1 ? 'finding' : `${findings} findings`} and what to do.`;
    return [...fixLines(actions, 20), `Apply one with \`rpo fix ${run} NUMBER\`.`].join('\n');
  },
});

function nextStep({ kind, files }: { readonly kind: string; readonly files: readonly string[] }, model: string | null): string {
  const train = model === null ? 'start it again' : `\`rpo train ${model}\``;
  if (kind === 'run-stage') return `When it has succeeded, ${train}.`;
  // A command is made from runpod.json here; the pod does not read it.
  const [file] = files.filter((path) => path !== 'runpod.json');
  return file === undefined ? `Now ${train}.` : `Now \`rpo deploy ${file}\`, then ${train}.`;
}
