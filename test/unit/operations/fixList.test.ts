import assert from 'node:assert/strict';
import type { FixAction, LocatedFinding } from '../../../src/fixes/located.ts';
import type { Finding } from '../../../src/monitor/finding.ts';
import { fixLines, numberedFixes } from '../../../src/operations/fixList.ts';
import { train } from '../../../src/operations/training.ts';

const retrain = { kind: 'deploy-and-retrain', title: '' } as const;

function located(changes: Partial<Finding>, ...actions: readonly FixAction[]): LocatedFinding {
  const finding: Finding = {
    type: 'python-exception',
    severity: 'error',
    message: 'm',
    suggestion: 's',
    line: 1,
    frame: null,
    frames: [],
    exception: null,
    epoch: null,
    step: null,
    fixes: [],
    ...changes,
  };
  return { finding, place: null, related: [], actions };
}

const deploy = (file: string): FixAction => ({ kind: 'deploy-and-retrain', title: `Deploy ${file}`, fix: retrain, files: [file] });
const install: FixAction = { kind: 'install', title: 'Install x on the pod', fix: retrain, command: 'pip install x' };

describe('the numbers of fixes', () => {
  it('count over all findings, causes first, each thing once', async () => {
    const found = [
      located({ type: 'plateau', severity: 'info', line: 2 }, deploy('c.py')),
      located({ line: 9 }, deploy('a.py')),
      located({ type: 'import-error', line: 30 }, install, deploy('a.py')),
    ];
    assert.deepEqual(
      (await numberedFixes(found)).map(({ number, title }) => [number, title]),
      [
        [1, 'Install x on the pod (pip install x)'],
        [2, 'Deploy a.py'],
        [3, 'Deploy c.py'],
      ],
    );
  });

  it('are the same at the end of a watched run as in the list that `fix` takes them from', async () => {
    const fixes = await numberedFixes([located({}, deploy('a.py')), located({ type: 'import-error' }, install)]);
    const shown = train.render(
      {
        run: 'r',
        pod: 'p',
        model: 'm',
        command: 'c',
        status: 'failed',
        exitCode: 1,
        watching: 'to-the-end',
        findings: [],
        fixes,
        metrics: null,
        bytes: 1,
        milliseconds: 1,
      },
      { eventsShown: true },
    );
    assert.ok(shown.endsWith(fixLines(fixes, 10).join('\n')), shown);
    assert.match(shown, /`rpo fix r NUMBER` does it:\n\[1\] Install x/);
  });
});
