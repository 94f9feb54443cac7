import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTests } from '@vscode/test-electron';
import { bundle, testFiles } from './bundle.ts';
import { channelVariable } from './channel.ts';
import { Report } from './report.ts';
import { copyOfExample, root } from './workspace.ts';

/**
 * The tests of the `editor` window once more in the desktop VS Code, which is downloaded. There is no browser to reach into,
 * so `person.available` is false. `CODE_VERSION=1.101.0 npm run test:electron` takes another version than the newest.
 */
async function main(): Promise<void> {
  const files = testFiles('test/host');
  const testsPath = await bundle('electron', files);
  const report = await Report.open(() => Promise.resolve({}));
  const folder = mkdtempSync(join(tmpdir(), 'rpo-'));
  for (const name of ['home', 'rpo', 'user']) mkdirSync(join(folder, name));
  try {
    await runTests({
      ...(process.env['CODE_VERSION'] === undefined ? {} : { version: process.env['CODE_VERSION'] }),
      extensionDevelopmentPath: root,
      extensionTestsPath: testsPath,
      extensionTestsEnv: { [channelVariable]: report.address, HOME: join(folder, 'home'), RPO_HOME: join(folder, 'rpo') },
      launchArgs: [copyOfExample(folder), '--user-data-dir', join(folder, 'user'), '--disable-extensions', '--disable-workspace-trust'],
    });
  } catch (error) {
    // A failed test has been counted already; anything else, as a failed download, has not.
    if (report.counts.failed === 0) report.fail(String(error));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const counts = report.close();
  const where = process.env['RPO_TEST_COUNTS'];
  if (where !== undefined) writeFileSync(where, JSON.stringify(counts));
  if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
