import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isUserError, type Reason } from '../../../src/core/errors.ts';
import { expandPatterns, expandPreset, listDeployable } from '../../../src/project/files.ts';
import { baseOf, isGlob, matcher } from '../../../src/project/globs.ts';
import type { Project } from '../../../src/project/project.ts';
import { projectSchema } from '../../../src/project/schema.ts';

describe('files that may be deployed', () => {
  let folder: string;
  beforeEach(() => (folder = realpathSync(mkdtempSync(join(tmpdir(), 'rpo-files-')))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const put = (path: string, text = '') => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const project = (config: unknown = {}, root = folder): Project => ({ root, config: projectSchema.parse(config), configFile: null });
  const paths = async (config: unknown = {}, root = folder) => (await listDeployable(project(config, root))).map((file) => file.path);
  const refused = async (promise: Promise<unknown>, reason: Reason, pattern: RegExp) =>
    assert.rejects(promise, (error) => {
      assert.ok(isUserError(error, reason), String(error));
      assert.match(error.message, pattern);
      return true;
    });

  it('are sorted, with size, time and the executable bit', async function () {
    put('b.py', 'abc');
    put('a/z.sh', '');
    put('a/ü n.py');
    chmodSync(join(folder, 'a/z.sh'), 0o755);
    const files = await listDeployable(project());
    assert.deepEqual(
      files.map(({ path, bytes, executable }) => [path, bytes, executable]),
      [
        ['a/z.sh', 0, process.platform !== 'win32'],
        ['a/ü n.py', 0, false],
        ['b.py', 3, false],
      ],
    );
    assert.ok(Math.abs((files[0]?.mtimeMs ?? 0) - Date.now()) < 60_000);
  });

  it('never include repositories, caches, environments and our own folder', async () => {
    for (const path of [
      '.git/config',
      '.runpod/x',
      'a/__pycache__/x.pyc',
      'node_modules/x/y.js',
      '.venv/x',
      'my-env/pyvenv.cfg',
      'my-env/lib/x.py',
      'a/.DS_Store',
    ])
      put(path);
    put('a/keep.py');
    put('.env.example');
    assert.deepEqual(await paths({ gitignore: false }), ['.env.example', 'a/keep.py']);
  });

  it('are what git would take, nested .gitignore files and all', async function () {
    if (spawnSync('git', ['--version']).status !== 0) this.skip();
    put('.gitignore', '*.log\n/data/\nout*/\n!keep.log\nsp ace\n\\#hash\n**/deep/*.bin\nCase.txt\n');
    put('sub/.gitignore', '!*.log\n*.tmp\n/only-here\n');
    put('sub/sub2/.gitignore', '*.log\n!important.log\n*\n!*.py\n');
    for (const path of [
      'a.log',
      'keep.log',
      'data/x.csv',
      'sub/data/x.csv',
      'outer/x',
      'out/y',
      'sp ace',
      '#hash',
      'x/deep/a.bin',
      'x/deep/y/a.bin',
      'case.txt',
      'Case.txt',
      'sub/b.log',
      'sub/b.tmp',
      'sub/only-here',
      'sub/x/only-here',
      'sub/sub2/c.log',
      'sub/sub2/important.log',
      'sub/sub2/m.py',
      'sub/sub2/n.txt',
      'sub/sub2/dir/m.py',
    ])
      put(path);
    execFileSync('git', ['init', '-q'], { cwd: folder });
    const listed = execFileSync('git', ['-c', 'core.quotePath=off', 'ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const expected = listed
      .split('\0')
      .filter((path) => path !== '')
      .sort();
    assert.ok(expected.length > 8);
    assert.deepEqual(await paths(), expected);
    // From a folder of the repository the files above still count, unless they ignore the folder itself.
    assert.deepEqual(
      await paths({}, join(folder, 'sub')),
      expected.filter((path) => path.startsWith('sub/')).map((path) => path.slice(4)),
    );
    assert.deepEqual(await paths({}, join(folder, 'data')), ['x.csv']);
  });

  it('obey exclude before .gitignore, and .gitignore only when wanted', async () => {
    put('.gitignore', 'data/\n*.npy\n');
    for (const path of ['data/a.csv', 'data/big.bin', 'm.npy', 'src/a.py', 'src/gen/b.py']) put(path);
    assert.deepEqual(await paths(), ['.gitignore', 'src/a.py', 'src/gen/b.py']);
    assert.deepEqual(await paths({ exclude: ['gen/', '.gitignore'] }), ['src/a.py']);
    assert.deepEqual(await paths({ exclude: ['!data/', 'big.*'] }), ['.gitignore', 'data/a.csv', 'src/a.py', 'src/gen/b.py']);
    assert.deepEqual((await paths({ gitignore: false })).length, 6);
  });

  it('follow links within the project only, and never in circles', async function () {
    if (process.platform === 'win32') this.skip();
    const outside = mkdtempSync(join(tmpdir(), 'rpo-outside-'));
    try {
      writeFileSync(join(outside, 'secret'), 'x');
      put('real/a.py', 'abc');
      symlinkSync('real/a.py', join(folder, 'link.py'));
      symlinkSync('real', join(folder, 'dir'));
      symlinkSync('..', join(folder, 'real/up'));
      symlinkSync('../dir', join(folder, 'real/self'));
      symlinkSync('nowhere', join(folder, 'dangling'));
      symlinkSync(outside, join(folder, 'out'));
      symlinkSync(join(outside, 'secret'), join(folder, 'secret'));
      execFileSync('mkfifo', [join(folder, 'pipe')]);
      assert.deepEqual(await paths(), ['dir/a.py', 'link.py', 'real/a.py']);
      await refused(expandPatterns(project(), ['secret']), 'outside-project', /secret, a link that leads out/);
      assert.deepEqual(await paths({}, join(folder, 'dir')), ['a.py']); // the root itself may be a link
    } finally {
      rmSync(outside, { recursive: true });
    }
  });

  it('can be cancelled, and miss a project that is gone', async () => {
    await refused(listDeployable(project(), AbortSignal.abort()), 'cancelled', /cancelled/);
    await refused(listDeployable(project({}, join(folder, 'gone'))), 'local-missing', /not there any more/);
  });

  it('are named by presets: files, folders and globs', async () => {
    put('.gitignore', '*.pt\n');
    for (const path of ['src/a.py', 'src/m/b.py', 'src/m/c.txt', 'conf/x.yaml', 'enc.pt', 'we[i]rd.py']) put(path);
    const presets = {
      fixes: ['src/**/*.py', './src/a.py', 'conf/'],
      hidden: ['enc.pt'],
      all: ['.'],
      odd: ['we\\[i\\]rd.py', '{src,conf}/*.{py,yaml}'],
    };
    assert.deepEqual(await expandPreset(project({ presets }), 'fixes'), ['conf/x.yaml', 'src/a.py', 'src/m/b.py']);
    assert.deepEqual(await expandPreset(project({ presets }), 'hidden'), ['enc.pt']); // named in full: meant
    assert.deepEqual((await expandPreset(project({ presets }), 'all')).length, 6);
    assert.deepEqual(await expandPreset(project({ presets }), 'odd'), ['conf/x.yaml', 'src/a.py', 'we[i]rd.py']);
  });

  it('answer presets that are wrong', async () => {
    put('src/a.py');
    put('no/b.py');
    const one = project({ presets: { fix: ['src/*.py', 'src/x.py', 'lib/**'] }, exclude: ['no'] });
    await refused(
      expandPreset(one, 'fix'),
      'local-missing',
      /The preset "fix" in runpod\.json names "src\/x\.py", "lib\/\*\*", which matches no file in .*exclude/,
    );
    await refused(expandPreset(one, 'fxi'), 'bad-argument', /no preset "fxi" in runpod\.json\. Did you mean "fix"\?/);
    await refused(expandPreset(one, 'toString'), 'bad-argument', /no preset "toString"/);
    await refused(expandPatterns(one, ['no/b.py']), 'local-missing', /names no\/b\.py, which "exclude"/);
    for (const path of ['../x', '/etc/passwd', 'a/../../b', 'C:\\x'])
      await refused(expandPatterns(one, [path]), 'outside-project', /outside the project/);
  });
});

describe('globs', () => {
  const table: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['src/**/*.py', ['src/a.py', 'src/x/y/a.py', 'src/.h/a.py'], ['a.py', 'src/a.pyc', 'lib/src/a.py']],
    ['*.npy', ['a.npy', '.a.npy'], ['x/a.npy']],
    ['logs', ['logs', 'logs/a', 'logs/x/a'], ['logs2', 'x/logs']],
    ['logs/', ['logs/a'], ['logs2/a']],
    ['out/*', ['out/a', 'out/a/b'], ['out', 'a/out/x']],
    ['**', ['a', 'a/b'], []],
    ['seed_[0-9].npy', ['seed_1.npy'], ['seed_a.npy', 'seed_12.npy']],
    ['{a,b}/x', ['a/x', 'b/x'], ['c/x']],
    ['a\\*/x', ['a*/x'], ['ab/x']],
    ['!x', ['!x'], ['y']],
  ];
  for (const [pattern, yes, no] of table) {
    it(pattern, () => {
      const matches = matcher(pattern);
      for (const path of yes) assert.ok(matches(path), `${pattern} should match ${path}`);
      for (const path of no) assert.ok(!matches(path), `${pattern} should not match ${path}`);
    });
  }

  it('know the folder they start in', () => {
    assert.deepEqual(['a/b/*.py', 'a/b.py', '*.py', 'a\\*/b/*', 'x/{a,b}/c', 'a/**'].map(baseOf), ['a/b', 'a', '', 'a*/b', 'x', 'a']);
    assert.deepEqual(['a/b', 'a*', 'a\\*', '{a}', '[a]', 'a?'].map(isGlob), [false, true, false, true, true, true]);
  });
});
