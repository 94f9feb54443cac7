// Makes the VSIX: `node .ci/package.mjs [FILE]`. vsce runs `vscode:prepublish`, which builds for production.
import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { delimiter, dirname, join, relative, resolve } from 'node:path';
import { hostFolderPath, hostNode, root, setup } from './setup.mjs';

const largest = 1_500_000;

await setup('package');
const file = resolve(process.argv[2] ?? join(root, 'runpod-orchestrator.vsix'));
mkdirSync(dirname(file), { recursive: true });
const vsce = join(hostFolderPath(), 'node_modules/@vscode/vsce/vsce');
// Links of README.md stay relative: there is no repository address yet that they could be made absolute with.
const options = ['--no-dependencies', '--allow-missing-repository', '--no-rewrite-relative-links', '--skip-license'];
const { status } = spawnSync(hostNode(), [vsce, 'package', ...options, '--out', file], {
  cwd: root,
  stdio: 'inherit',
  // The build that vsce starts uses the same Node.
  env: { ...process.env, PATH: [dirname(hostNode()), process.env.PATH].join(delimiter) },
});
process.exitCode = status ?? 1;
if (status === 0) {
  const { size } = statSync(file);
  console.log(`${relative(process.cwd(), file)}: ${(size / 1e6).toFixed(2)} MB`);
  if (size > largest) {
    console.error(`That is more than the ${largest / 1e6} MB it may have. Look at what .vscodeignore lets in.`);
    process.exitCode = 1;
  }
}
