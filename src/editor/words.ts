/** What does in the editor what a verb does in the terminal, by the title in the palette. The longest that fits counts. */
const titles: Readonly<Record<string, string>> = {
  'pods add': 'Add Pod',
  'pods select': 'Select Pod',
  'pods remove': 'Remove Pod',
  'pods trust': 'Trust New Host Key',
  pods: 'Select Pod',
  test: 'Test Connection',
  verify: 'Verify Environment',
  repair: 'Repair Environment',
  reinstall: 'Reinstall Project',
  selftest: 'Self-Test',
  'deploy --changed': 'Deploy Changed Files',
  'deploy --preset': 'Deploy Preset',
  deploy: 'Deploy Current File to Pod',
  train: 'Train Model',
  retry: 'Train Again',
  stop: 'Stop Training',
  follow: 'Follow Run',
  runs: 'Follow Run',
  'retrain --resume': 'Resume Pipeline',
  retrain: 'Retrain Pipeline',
  pipelines: 'Resume Pipeline',
  'gpu kill': 'End Process on the GPU',
  gpu: 'GPU Status',
  clean: 'Clean Up Pod',
  task: 'Write Run to Task',
  exec: 'Run Command on Pod',
  results: 'Download Results',
  logs: 'Download Logs',
  journal: 'Show Journal',
  demo: 'Start Practice Pod',
};

const verbs = Object.keys(titles).sort((a, b) => b.length - a.length);

/**
 * Sentences written for the terminal, with the commands that the palette has: `rpo follow RUN` becomes "RunPod: Follow Run".
 * A command to run on the pod stays with it; what the editor has no command for stays a line for the terminal.
 */
export function forEditor(text: string): string {
  return text.replace(/`rpo ([^`]+)`/g, (whole, line: string) => {
    const verb = verbs.find((each) => line === each || line.startsWith(`${each} `));
    if (verb === undefined) return `${whole} in a terminal`;
    const rest = line.slice(verb.length).trim();
    return `"RunPod: ${titles[verb]}"${verb === 'exec' && rest !== '' ? ` (\`${unquoted(rest)}\`)` : ''}`;
  });
}

/** The command as it runs on the pod, without the quotes that a local shell takes away. */
function unquoted(line: string): string {
  return /^(["'])(.*)\1$/.exec(line)?.[2] ?? line;
}
