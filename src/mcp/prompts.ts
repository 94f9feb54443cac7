/** A workflow that a person can start by name; the agent gets these words. */
export interface Workflow {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments: Readonly<Record<string, { readonly description: string; readonly required: boolean }>>;
  text(given: Readonly<Record<string, string | undefined>>): string;
}

const rest =
  'Wait with wait_for_event, always passing the cursor from the previous answer, until the run fails or ends. On a failure read findings (not the whole log), correct the local file they point at, and call fix_and_retry with it. ' +
  'When it has succeeded, call download_results and validate, and tell the person what came out.';

export const workflows: readonly Workflow[] = [
  {
    name: 'deploy-fix',
    title: 'Deploy a fix and train',
    description: 'Puts changed files on the pod, trains, and goes on until it works.',
    arguments: {
      files: { description: 'The changed files; default: whatever differs from the pod.', required: false },
      model: { description: 'What to train.', required: false },
    },
    text: ({ files, model }) =>
      `Deploy ${files ? `these files to the pod: ${files}` : 'what changed to the pod (deploy with changed: true)'}. If the answer names runs that go on with older files, ask the person before you stop one. ` +
      `Then call start_training${model ? ` with model ${model}` : ''}. ${rest}`,
  },
  {
    name: 'debug-failure',
    title: 'Find out why a run failed, and repair it',
    description: 'From the evidence of a failed run to a run that works.',
    arguments: { run: { description: 'Id of the run; default: the newest.', required: false } },
    text: ({ run }) =>
      `${run ? `Run ${run}` : 'The newest run'} failed. Call findings${run ? ` with run ${run}` : ''}: causes come first, each with the local line and what can be done. Where a fix is listed and right, use apply_fix with its title; otherwise edit the file yourself. ` +
      `Read more of the log (read_log around a line) only if the evidence does not suffice. Call fix_and_retry with the files you changed: it checks them on the pod before it starts anything. ${rest}`,
  },
  {
    name: 'change-hyperparameter',
    title: 'Change a hyper-parameter and compare',
    description: 'Changes one setting, trains, and compares with the run before.',
    arguments: {
      setting: { description: 'E.g. learning_rate.', required: true },
      value: { description: 'Its new value.', required: true },
      model: { description: 'What to train.', required: false },
    },
    text: ({ setting, value, model }) =>
      `Note how the last run stood (run_status). Find where the project sets ${setting ?? 'the setting'} and change it to ${value ?? 'the new value'}, in that one place. Deploy the file, call start_training${model ? ` with model ${model}` : ''}, and compare the metrics of both runs at the same epoch with run_status. ${rest}`,
  },
];
