import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { parse } from 'jsonc-parser';
import { isUserError, type Reason } from '../../../src/core/errors.ts';
import { Home } from '../../../src/project/home.ts';
import { removeValue, setValue } from '../../../src/project/jsonText.ts';

const entry = { host: '1.2.3.4', port: 22 };

async function refused(promise: Promise<unknown>, reason: Reason, pattern: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isUserError(error, reason), String(error));
    assert.match(error.message, pattern);
    return true;
  });
}

describe("the person's folder", () => {
  let folder: string;
  let home: Home;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rpo-home-'));
    home = new Home(join(folder, 'deep/home'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const write = (text: string) => {
    mkdirSync(home.folder, { recursive: true });
    writeFileSync(home.podsFile, text);
  };
  const text = () => readFileSync(home.podsFile, 'utf8');

  it('is RPO_HOME, or .runpod at home', () => {
    const before = process.env['RPO_HOME'];
    try {
      process.env['RPO_HOME'] = '/x/y';
      assert.equal(new Home().podsFile, join('/x/y', 'pods.json'));
      delete process.env['RPO_HOME'];
      assert.equal(new Home().folder, join(homedir(), '.runpod'));
    } finally {
      if (before === undefined) delete process.env['RPO_HOME'];
      else process.env['RPO_HOME'] = before;
    }
  });

  it("refuses RunPod's proxy as an address, with what to use instead", async () => {
    write('{ "pods": {\n  "p": { "host": "ssh.runpod.io", "user": "abc-1" } } }');
    await refused(home.readPods(), 'bad-config', /pods\.json:2:\d+: pods\.p\.host: .*terminal only.*SSH over exposed TCP/s);
  });

  it('has no pods before one is added; the first is selected, the file is for its owner only', async () => {
    assert.deepEqual(await home.readPods(), { pods: {} });
    await refused(home.pod(), 'not-configured', /No pod is set up yet in \/.*pods\.json\. Add one with `rpo pods add/);
    assert.equal(existsSync(home.folder), false);
    await home.addPod('a', entry);
    await home.addPod('b', { sshConfigHost: 'box' });
    assert.deepEqual(await home.readPods(), { pods: { a: entry, b: { sshConfigHost: 'box' } }, selected: 'a' });
    if (process.platform !== 'win32') {
      assert.equal(statSync(home.podsFile).mode & 0o777, 0o600);
      assert.equal(statSync(home.folder).mode & 0o777, 0o700);
    }
    assert.deepEqual(readdirSync(home.folder), ['pods.json']);
    await home.addPod('c', entry, { select: true });
    assert.equal((await home.pod()).name, 'c');
    await home.selectPod('b');
    assert.deepEqual(await home.pod(), { name: 'b', entry: { sshConfigHost: 'box' } });
    await home.removePod('b');
    await refused(home.pod(), 'not-configured', /Several pods are set up \(a, c\) and none is selected\./);
    assert.deepEqual((await home.pod('a')).entry, entry);
    await home.removePod('a');
    assert.equal((await home.pod()).name, 'c');
  });

  it('keeps comments and habits in pods.json', async () => {
    const old = [
      '// my machines',
      '{',
      '    "pods": {',
      '        // the big one',
      '        "a": { "host": "1.1.1.1" }, // costs a lot',
      '        "b": { "host": "2.2.2.2" } // cheap',
      '        /* the end */',
      '    }',
      '}',
      '',
    ].join('\r\n');
    write(old);
    await home.addPod('c', entry, { select: true });
    const added = text();
    for (const line of old.split('\r\n').slice(0, 5)) assert.ok(added.includes(line), line);
    assert.ok(
      added.includes('"b": { "host": "2.2.2.2" }, // cheap\r\n        /* the end */\r\n        "c": {\r\n            "host": "1.2.3.4",'),
      added,
    );
    await home.removePod('c');
    await home.removePod('b');
    const removed = text();
    assert.ok(removed.includes('        // the big one\r\n        "a": { "host": "1.1.1.1" } // costs a lot\r\n'), removed);
    for (const comment of ['// cheap', '/* the end */', '// my machines']) assert.ok(removed.includes(comment), removed);
    assert.deepEqual(await home.readPods(), { pods: { a: { host: '1.1.1.1' } } });
  });

  it('keeps a symbolic link to pods.json', async function () {
    if (process.platform === 'win32') this.skip();
    mkdirSync(home.folder, { recursive: true });
    writeFileSync(join(folder, 'dotfiles.json'), '{}');
    symlinkSync(join(folder, 'dotfiles.json'), home.podsFile);
    await home.addPod('a', entry);
    assert.ok(lstatSync(home.podsFile).isSymbolicLink());
    assert.match(readFileSync(join(folder, 'dotfiles.json'), 'utf8'), /1\.2\.3\.4/);
  });

  const broken: readonly (readonly [string, string, RegExp])[] = [
    [
      'a bad port',
      '{"pods": {"a": {"host": "x", "port": 0}}}',
      /^\/.*\/pods\.json has a problem.*\n {2}pods\.json:1:38: pods\.a\.port: expected a whole number from 1 to 65535, got 0$/,
    ],
    [
      'an empty entry',
      '{"pods": {"a": {}}}',
      /pods\.a: expected an object with "host" or an object with "sshConfigHost" or an object with "podId", got \{\}/,
    ],
    ['a misspelt key', '{"pods": {"a": {"hots": "x"}}}', /pods\.a\.hots: unknown key\. Did you mean "host"\?/],
    ['two kinds at once', '{"pods": {"a": {"host": "x", "podId": "abc"}}}', /pods\.a\.podId: unknown key/],
    ['a pod id', '{"pods": {"a": {"podId": "X Y"}}}', /pods\.a\.podId: expected a RunPod pod id, like 'x1y2z3abcdef', got "X Y"/],
    ['host keys', '{"pods": {"a": {"host": "x", "hostKeys": "no"}}}', /pods\.a\.hostKeys: expected one of "accept-new", "strict", "off"/],
    ['a selected pod that is not there', '{"selected": "x", "pods": {}}', /1:14: selected: there is no pod "x"/],
    ['half a file', '{"pods": {"a": {"host": "x"}', /pods\.json:1:29: syntax/],
  ];
  for (const [what, content, pattern] of broken) {
    it(`answers ${what}, and leaves the file as it is`, async () => {
      write(content);
      await refused(home.readPods(), 'bad-config', pattern);
      await refused(home.addPod('new', entry), 'bad-config', pattern);
      assert.equal(text(), content);
      assert.deepEqual(readdirSync(home.folder), ['pods.json']);
    });
  }

  it('refuses names that are taken, unknown or no names', async () => {
    await home.addPod('gpu-one', entry);
    await refused(home.addPod('gpu-one', entry), 'bad-argument', /There is a pod "gpu-one" in \/.*pods\.json already.*--replace/);
    await home.addPod('gpu-one', { host: 'new' }, { replace: true });
    assert.deepEqual((await home.pod('gpu-one')).entry, { host: 'new' });
    await refused(home.removePod('gpu-on'), 'bad-argument', /There is no pod "gpu-on" in .*pods\.json\. Did you mean "gpu-one"\?/);
    await refused(home.selectPod('toString'), 'bad-argument', /There is no pod "toString" in .*pods\.json\. Known pods: gpu-one/);
    for (const name of ['', ' a', '__proto__', '-x', 'a\nb'])
      await refused(home.addPod(name, entry), 'bad-argument', /cannot be the name of a pod/);
    await refused(home.addPod('x', { host: '' }), 'bad-config', /pods\.x\.host/);
    assert.deepEqual(Object.keys((await home.readPods()).pods), ['gpu-one']);
  });

  it('says when it cannot be written', async () => {
    writeFileSync(join(folder, 'file'), '');
    await refused(new Home(join(folder, 'file/home')).addPod('a', entry), 'local-failed', /cannot be (written|read)/);
  });

  it('loses no entry when many add at once', async () => {
    await Promise.all(Array.from({ length: 15 }, (_, index) => new Home(home.folder).addPod(`p${index}`, entry)));
    assert.equal(Object.keys((await home.readPods()).pods).length, 15);
  });

  it('loses no entry when two processes add at once', async function () {
    this.timeout(20_000);
    const script = `const { Home } = require(${JSON.stringify(join(import.meta.dirname, '../../../src/project/home.ts'))});
      (async () => { for (let i = 0; i < 20; i++) await new Home(process.argv[1]).addPod(process.argv[2] + i, { host: 'x' }); })();`;
    const exits = ['a', 'b'].map(async (name) => {
      const child = spawn(process.execPath, ['--import', 'tsx', '-e', script, home.folder, name], {
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      return (await once(child, 'exit'))[0] as number;
    });
    assert.deepEqual(await Promise.all(exits), [0, 0]);
    assert.equal(Object.keys((await home.readPods()).pods).length, 40);
    assert.deepEqual(readdirSync(home.folder), ['pods.json']);
  });

  it('is not blocked for ever by a lock that a dead process left', async () => {
    mkdirSync(home.folder, { recursive: true });
    writeFileSync(`${home.podsFile}.lock`, 'dead');
    utimesSync(`${home.podsFile}.lock`, new Date(0), new Date(0));
    await home.addPod('a', entry);
    assert.deepEqual(readdirSync(home.folder), ['pods.json']);
  });
});

describe('an edit of commented JSON', () => {
  it('changes what it is about and keeps every comment', () => {
    const comment = fc.constantFrom('', '', ' ', '\n', '\n  // one\n', '/* two */', ' // three\n', '\n\n');
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e/f', 'g "h"'), { minLength: 0, maxLength: 5 });
    fc.assert(
      fc.property(
        names,
        fc.array(comment, { minLength: 24, maxLength: 24 }),
        fc.boolean(),
        fc.boolean(),
        (keys, comments, trailing, crlf) => {
          let used = 0;
          const gap = () => comments[used++ % comments.length] ?? '';
          const body = keys.map((key, index) => `${gap()}${JSON.stringify(key)}${gap()}:${gap()}{ "host": "${index}" }${gap()}`).join(',');
          const lf = `${gap()}{${gap()}"pods":${gap()}{${body}${trailing && keys.length > 0 ? ',' : ''}${gap()}}${gap()}}${gap()}`;
          const text = crlf ? lf.replaceAll('\n', '\r\n') : lf;
          const value = () => parse(text, [], { allowTrailingComma: true }) as { pods: Record<string, unknown> };
          const comments1 = text.match(/\/\/ one|\/\* two \*\/|\/\/ three/g) ?? [];

          const added = setValue(text, ['pods', 'new'], { host: 'n' });
          assert.deepEqual(parse(added, [], { allowTrailingComma: true }), { pods: { ...value().pods, new: { host: 'n' } } });
          assert.deepEqual(added.match(/\/\/ one|\/\* two \*\/|\/\/ three/g) ?? [], comments1);
          assert.deepEqual(parse(removeValue(added, ['pods', 'new']), [], { allowTrailingComma: true }), value());

          const gone = keys[keys.length >> 1];
          if (gone === undefined) return;
          const errors: never[] = [];
          const left = parse(removeValue(text, ['pods', gone]), errors, { allowTrailingComma: true }) as unknown;
          const { [gone]: _, ...others } = value().pods;
          assert.deepEqual(left, { pods: others });
          assert.deepEqual(errors, []);
        },
      ),
      { numRuns: 500 },
    );
  });
});
