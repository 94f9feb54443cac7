// Makes the VSIX: `node .ci/package.mjs [FILE]`. vsce runs `vscode:prepublish`, which builds for production.
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { delimiter, dirname, join, relative, resolve } from 'node:path';
import { hostFolderPath, hostNode, root, setup } from './setup.mjs';

await setup('package');
const file = resolve(process.argv[2] ?? join(root, 'runpod-orchestrator.vsix'));
mkdirSync(dirname(file), { recursive: true });
const vsce = join(hostFolderPath(), 'node_modules/@vscode/vsce/vsce');
execFileSync(hostNode(), [vsce, 'package', '--no-dependencies', '--allow-missing-repository', '--skip-license', '--out', file], {
  cwd: root,
  stdio: 'inherit',
  // The build that vsce starts uses the same Node.
  env: { ...process.env, PATH: [dirname(hostNode()), process.env.PATH].join(delimiter) },
});
console.log(`${relative(process.cwd(), file)}: ${(statSync(file).size / 1024).toFixed(0)} KB`);
