import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandPattern, hoursOfAgents, Limits } from '../../../src/agents/limits.ts';
import { operations } from '../../../src/operations/table.ts';
import { Home } from '../../../src/project/home.ts';
import type { Run } from '../../../src/runs/run.ts';

const hour = 3_600_000;
const now = Date.parse('2026-05-02T12:00:00Z');

function run(startedBy: string, startHoursAgo: number, endHoursAgo: number | null): Run {
  const manifest = { id: 'r', startedAt: new Date(now - startHoursAgo * hour).toISOString(), startedBy };
  const status = endHoursAgo === null ? { kind: 'running', pid: 1 } : { kind: 'exited', exitCode: 0, stopped: false };
  return { manifest, status, logBytes: 0, lastOutputMs: endHoursAgo === null ? now : now - endHoursAgo * hour } as unknown as Run;
}

describe('limits of agents', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rpo-limits-'));
  });
  afterEach(async () => rm(folder, { recursive: true, force: true }));

  async function limits(agents: object, given?: unknown): Promise<Limits> {
    await writeFile(join(folder, 'runpod.json'), JSON.stringify({ agents }));
    const found = new Limits(folder, new Home(join(folder, 'home')), given === undefined ? undefined : { given, name: 'the setting' });
    await found.read();
    return found;
  }
  const record = (name: string) => operations.find((one) => one.name === name) ?? assert.fail(name);

  it('match commands as a whole, and never let a second one in', () => {
    const allowed = (pattern: string, command: string) => commandPattern(pattern).test(command);
    assert.ok(allowed('ls *', 'ls -la data'));
    assert.ok(allowed('python -m pytest *', 'python -m pytest tests/a.py -k "x or y"'));
    for (const more of ['; rm x', ' && rm x', ' | sh', ' > x', ' `rm x`', ' $(rm x)', ' $HOME', '\nrm x', ' & rm x', ' \\\nrm x'])
      assert.ok(!allowed('ls *', `ls a${more}`), more);
    assert.ok(!allowed('ls *', 'lsof x'));
    assert.ok(!allowed('ls', 'ls -la'));
    assert.ok(!allowed('a.b', 'axb'));
  });

  it('count the hours of runs that agents started, in the last day only', () => {
    const runs = [run('me@here (agent)', 30, 20), run('me@here (agent)', 2, 1), run('me@here (agent)', 1.5, null), run('me@here', 10, 1)];
    // 4 hours of the first, 1 of the second, 1.5 of the third, none of the person's.
    assert.equal(hoursOfAgents(runs, now), 6.5);
  });

  it('know tools by the names that agents see and by those of the terminal', async () => {
    const found = await limits({ deny: ['exec'], operations: ['start_training', 'fix'] });
    assert.throws(
      () => found.checkCall(record('exec'), { command: 'ls' }),
      /Refused: agents may not call exec here.*"agents" in runpod\.json/,
    );
    found.checkCall(record('start'), {});
    found.checkCall(record('fix'), {});
    assert.throws(() => found.checkCall(record('deploy'), {}), /may call only start_training, fix here, not deploy/);
    found.checkCall(record('findings'), {});
  });

  it('take paths on the pod below its project folder, or absolute', async () => {
    const found = await limits({ write: ['src/**', '/workspace/shared/*'] });
    found.mayWrite('/workspace/p/src/a/b.py', 'src/a/b.py');
    found.mayWrite('/workspace/shared/x', null);
    assert.throws(() => found.mayWrite('/workspace/p/data/x', 'data/x'), /may write only to src\/\*\*, \/workspace\/shared\/\*/);
    assert.throws(() => found.mayWrite('/etc/src/x', null), /may write only/);
  });

  it('say so plainly when nothing at all may be written, and name the command that may not run', async () => {
    const found = await limits({ write: [], exec: ['ls *'] }, { exec: 'off' });
    assert.throws(
      () => found.mayWrite('/r/a', 'a'),
      /Refused: agents may write nothing to the pod, and \/r\/a was to be written\. The limit/,
    );
    assert.throws(() => found.mayRun('python -m pip install x'), /only commands like `ls \*` here, not `python -m pip install x`/);
    assert.throws(() => found.mayRun('ls a'), /may not run commands of their own here, such as `ls a`.*the setting/);
  });

  it('keep local files outside the project, and what says what is allowed, out of reach', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'rpo-outside-'));
    try {
      await mkdir(join(folder, 'home'));
      await writeFile(join(outside, 'key'), 'secret');
      await symlink(outside, join(folder, 'linked'));
      await symlink(join(outside, 'key'), join(folder, 'key'));
      const found = await limits({});
      for (const path of [
        'home/agents.json',
        'home',
        'runpod.json',
        '.git/hooks/x',
        'sub/.git/config',
        '.vscode/tasks.json',
        'RUNPOD.JSON',
        '../x',
        'linked/x',
        'key',
        join(outside, 'new'),
      ])
        await assert.rejects(
          found.mayWriteLocal(join(path.startsWith('/') ? '/' : folder, path)),
          /^UserError: Refused: agents may not write to/,
          path,
        );
      for (const path of ['results/a/b.npy', 'src/runpod.json', 'git/x', '.gitignore']) await found.mayWriteLocal(join(folder, path));
      await found.mayReadLocal(join(folder, 'src/a.py'));
      for (const path of [join(outside, 'key'), join(folder, 'linked/key'), join(folder, 'key'), '/etc/hostname'])
        await assert.rejects(found.mayReadLocal(path), /may send only files of the project.*"upload" in .*agents\.json/);
      await assert.rejects(found.mayReadLocal(join(folder, 'home/pods.json')), /person's own folder/);
      const real = await realpath(outside);
      // The person allows it; the project's own file does not, it only narrows.
      await (await limits({}, { upload: [`${real}/**`] })).mayReadLocal(join(outside, 'key'));
      await assert.rejects(
        (await limits({ upload: [`${real}/**`] })).mayReadLocal(join(outside, 'key')),
        /may send only files of the project/,
      );
      await assert.rejects(
        (await limits({ upload: ['/data/**'] }, { upload: [`${real}/**`] })).mayReadLocal(join(outside, 'key')),
        /may send only \/data\/\*\*, not .*"agents" in runpod\.json/,
      );
    } finally {
      await rm(outside, { recursive: true, force: true });
    }
  });

  it('all count, wherever they stand', async () => {
    const found = await limits({ maxRuns: 3 }, { maxRuns: 1 });
    found.mayStart([run('me@here', 1, 0.5)]);
    assert.throws(() => found.mayStart([run('me@here', 1, null)]), /at most 1 runs may be going on.*the setting, which the person/);
    const hours = await limits({ hoursPerDay: 2 });
    const recent = Date.now() - now;
    const long = { ...run('x (agent)', 0, null) };
    const started = { ...long, manifest: { ...long.manifest, startedAt: new Date(now + recent - 3 * hour).toISOString() } };
    assert.throws(() => hours.mayStart([started]), /may take 2 hours in 24, and 3\.0 are used up/);
  });

  it('that cannot be read let nothing through', async () => {
    await assert.rejects(limits({}, { maxRun: 1 }), /What agents may do is not known: the setting has a problem/);
    await assert.rejects(limits({ maxRuns: -1 }), /runpod\.json/);
  });
});
