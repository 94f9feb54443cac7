import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { isUserError } from '../../../src/core/errors.ts';
import { loadProject } from '../../../src/project/project.ts';
import { scaleSetting } from '../../../src/project/scaleSetting.ts';
import { wordsOf } from '../../../src/project/settingPlace.ts';
import { editText } from '../../../src/fixes/apply.ts';
import { findProjectSettings, findSettings } from '../../../src/project/settings.ts';

const lr = ['learning_rate', 'lr'];
const places = (path: string, text: string, names: readonly string[] = [...lr, 'batch_size'], model?: string) =>
  findSettings([{ path, text }], names, { model }).map((place) => `${place.line}:${place.column} ${place.name}=${place.text}`);

describe('settings in Python', () => {
  const found: readonly (readonly [string, string])[] = [
    ['lr = 1e-3', '1:6 lr=1e-3'],
    ['LEARNING_RATE: float = 0.5  # lr = 3', '1:24 LEARNING_RATE=0.5'],
    ['class A:\n    lr: float = 0.5', '2:17 lr=0.5'],
    ['class A:\n    lr: float = field(default=0.5)', '2:31 lr=0.5'],
    ['class A:\n    lr: float = Field(0.5, gt=0)', '2:23 lr=0.5'],
    ['self.learning_rate = .5', '1:22 learning_rate=.5'],
    ['config["lr"] = 0.1', '1:16 lr=0.1'],
    ["d = {'lr': 1_0.5e-1}", '1:12 lr=1_0.5e-1'],
    ['def train(x, lr: float = 1e-3, *, y=2): pass', '1:26 lr=1e-3'],
    ['def train(x, lr=1e-3): pass', '1:17 lr=1e-3'],
    ['opt = Adam(p.parameters(), lr=1e-3)', '1:31 lr=1e-3'],
    ['p.add_argument("--batch-size", "-b", type=int, default=64)', '1:56 batch-size=64'],
    ["p.add_argument('--lr', '--learning-rate', dest='x', default=(0.01))", '1:62 learning-rate=0.01'],
    ['@click.option("--lr", default=0.1)\ndef f(lr): pass', '1:31 lr=0.1'],
    ['def main(lr: float = typer.Option(0.1, "--lr")): pass', '1:35 lr=0.1'],
    ['def main(lr: float = typer.Option(0.1)): pass', '1:35 lr=0.1'],
    ['x = (lr := 3)\nlr = (0.2)', '2:7 lr=0.2'],
    ['if True:\n\tlr = 0.1\n  broken (\nlr = 0.2', '2:7 lr=0.1'],
    ['DEFAULT_LR = 0.1', '1:14 DEFAULT_LR=0.1'],
  ];
  for (const [text, expected] of found) it(JSON.stringify(text), () => assert.equal(places('a.py', text)[0], expected));

  for (const text of [
    '# lr = 0.1',
    '"""\nlr = 0.1\n"""',
    'x = "lr = 0.1"',
    "f'{lr}=0.1'",
    'lr == 0.1',
    'lr *= 0.1',
    'lr = base * 0.1',
    'lr = 0x10',
    'lr = 1j',
    'lr = [0.1, 0.2]',
    'lr, x = 0.1, 0.2',
    'min_lr = 0.1',
    'eval_batch_size = 3',
    'color = 3',
    'x[lr] = 3',
    'optimizer(lr, 0.1)',
    'lr = "0.1"',
    'assert lr < 0.1',
    'd = {lr: 0.1}',
  ]) {
    it(`not in ${JSON.stringify(text)}`, () => assert.deepEqual(places('a.py', text), []));
  }

  it('not in a file that is no Python at all, however deep', () => {
    assert.deepEqual(places('a.py', `lr = ${'['.repeat(30_000)}1${']'.repeat(30_000)}`), []);
    assert.deepEqual(places('a.py', `lr = ${'- '.repeat(60_000)}1`), []);
    assert.deepEqual(places('a.py', `lr = ${'('.repeat(150)}1${')'.repeat(150)}`), ['1:156 lr=1']);
    places('a.py', 'lr \0 \uD800 = = 1 }{');
  });
});

describe('settings in data files', () => {
  it('YAML', () => {
    const text =
      'train:\n  lr: 1e-3 # lr: 7\n  batch-size: 32\n  "learning_rate": 0.5\n  s: "lr: 3"\n  t: |\n    lr: 0.1\n  lrs: [1]\n  q: {lr: 5.0}\n---\nlr: +2\nx: &a 3\n';
    assert.deepEqual(places('a.yml', text).sort(), [
      '11:5 lr=+2',
      '2:7 lr=1e-3',
      '3:15 batch-size=32',
      '4:20 learning_rate=0.5',
      '9:11 lr=5.0',
    ]);
    assert.deepEqual(places('a.yaml', 'lr: !!float 3\nbatch_size: &b 4'), ['1:13 lr=3', '2:16 batch_size=4']);
    assert.deepEqual(places('a.yaml', 'lr: 1\nlr: {{ x }}: }'), []);
    assert.deepEqual(places('a.yaml', 'lr: "3"\nbatch_size: abc'), []);
    // 1,000 braces made V8 end the process, not throw.
    for (const deep of ['{'.repeat(1000), '{'.repeat(30_000), '- '.repeat(40_000)]) assert.deepEqual(places('a.yaml', `${deep}lr: 1`), []);
    assert.deepEqual(places('a.yaml', `${'- '.repeat(100)}lr: 1`), ['1:205 lr=1']);
  });

  it('JSON', () => {
    assert.deepEqual(places('a.json', '{ // lr: 3\n "optim": [{"lr": 1E-4}], "s": "lr",\n "batch_size": "3" }'), ['2:19 lr=1E-4']);
    assert.deepEqual(places('a.json', '{"lr": 1'), []);
    assert.deepEqual(places('a.json', '['.repeat(30_000) + '"lr'), []);
  });

  it('TOML', () => {
    const text =
      '# lr = 2\nlr = 0.1\n[train]\nbatch_size = 1_024\ns = """\nlr = 3\n"""\ntrain.lr = 3e-4\no = { lr = 5 }\n[[runs]]\nlr = 6\n';
    assert.deepEqual(places('a.toml', text).sort(), ['11:6 lr=6', '2:6 lr=0.1', '4:14 batch_size=1_024', '8:12 lr=3e-4', '9:12 lr=5']);
    assert.deepEqual(places('a.toml', 'lr = = 3'), []);
  });

  it('the command line of runpod.json', () => {
    const text = `{
  "train": {
    "command": "LR=0.5 python -m \\"x y\\" t --lr 0.01 --batch-size=32 --min-lr 3 --lr2 4 optim.lr=.1",
    "models": { "rf": { "command": "fit -lr 3" }, "xgb": {}, "lr": { "seed": 3 } }
  },
  "environment": { "variables": { "BATCH_SIZE": "16", "LR": "fast" } },
  "stages": [{ "name": "s", "command": "--lr 9" }]
}`;
    assert.deepEqual(
      places('runpod.json', text, [...lr, 'batch_size'], 'xgb').sort(),
      ['3:20 LR=0.5', '3:49 lr=0.01', '3:67 batch-size=32', '3:98 lr=.1', '6:50 BATCH_SIZE=16'].sort(),
    );
    assert.deepEqual(places('runpod.json', text, lr, 'rf'), ['4:45 lr=3']);
    assert.deepEqual(places('runpod.json', text, lr).length, 5);
    assert.deepEqual(places('runpod.json', '{', lr), []);
  });
});

describe('the best place', () => {
  const first = (files: Record<string, string>, names: readonly string[], context = {}) => {
    const place = findSettings(
      Object.entries(files).map(([path, text]) => ({ path, text })),
      names,
      context,
    )[0];
    return place === undefined ? undefined : `${place.path}:${place.line} ${place.name}`;
  };

  it('is what belongs to the model', () => {
    const text =
      'class RFConfig:\n    lr = 1.5\nclass LogRegConfig:\n    lr = 2.5\nclass SimpleLSTMConfig:\n    lr = 3.5\nclass PerformanceConfig:\n    lr = 4.5\n';
    assert.equal(first({ 'config.py': text }, lr, { model: 'logreg' }), 'config.py:4 lr');
    assert.equal(first({ 'config.py': text }, lr, { model: 'simple_lstm' }), 'config.py:6 lr');
    assert.equal(first({ 'config.py': text }, lr, { model: 'rf' }), 'config.py:2 lr');
    assert.equal(first({ 'config.py': text }, lr, { model: 'other', models: ['rf', 'logreg', 'simple_lstm'] }), 'config.py:8 lr');
    // Some of the name will do; what another model's name is in will not.
    const models = ['rf', 'simple_lstm', 'other'];
    assert.equal(first({ 'a.py': 'class A:\n  lr = 1\nclass LstmConfig:\n  lr = 2' }, lr, { model: 'simple_lstm', models }), 'a.py:4 lr');
    assert.equal(first({ 'a.py': 'class LstmConfig:\n  lr = 2\nclass A:\n  lr = 1' }, lr, { model: 'rf', models }), 'a.py:4 lr');
    assert.equal(first({ 'a.py': 'class LstmConfig:\n  lr = 2' }, lr, { model: 'rf', models }), undefined);
    assert.equal(first({ 'a.py': 'class LstmConfig:\n  lr = 2' }, lr, { models }), 'a.py:2 lr');
    assert.equal(first({ 'a.py': 'class SimpleConfig:\n  lr = 2' }, lr, { model: 'rf', models }), 'a.py:2 lr');
    assert.equal(first({ 'c.py': 'X = {"rf": {"lr": 1}, "xgb": {"lr": 2}}\n' }, lr, { model: 'xgb' }), 'c.py:1 lr');
    assert.equal(first({ 'config.yaml': 'lr: 1', 'models/xgb.py': 'lr = 2' }, lr, { model: 'xgb' }), 'models/xgb.py:1 lr');
    assert.equal(first({ 'a.toml': '[rf]\nlr = 1\n[xgb]\nlr = 2' }, lr, { model: 'xgb' }), 'a.toml:4 lr');
    assert.equal(first({ 'a.py': 'LR = 1\nXGB_LR = 2' }, lr, { model: 'xgb' }), 'a.py:2 XGB_LR');
  });

  it('is the command line, which overrules the code', () => {
    assert.equal(
      first({ 'rf.py': 'lr = 1', 'runpod.json': '{"train": {"command": "x --lr 2"}}' }, lr, { model: 'rf' }),
      'runpod.json:1 lr',
    );
  });

  it('is the first name, in configuration, defined rather than passed, and never a test if there is another', () => {
    assert.equal(first({ 'a.py': 'lr = 1', 'b.py': 'learning_rate = 1' }, lr), 'b.py:1 learning_rate');
    assert.equal(first({ 'a.py': 'lr = 1', 'src/config/x.py': 'lr = 1' }, lr), 'src/config/x.py:1 lr');
    assert.equal(first({ 'a.py': 'f(lr=1)\ndef f(lr=2): pass\nlr = 3' }, lr), 'a.py:3 lr');
    assert.equal(first({ 'tests/config.yaml': 'learning_rate: 1', 'test_a.py': 'lr=1', 'z.py': 'lr = 1' }, lr), 'z.py:1 lr');
    assert.equal(first({ 'a.py': 'x = 1' }, lr), undefined);
    assert.equal(first({ 'a.py': 'x = 1' }, []), undefined);
  });
});

describe('a scaled setting', () => {
  const table: readonly (readonly [string, string, number, string])[] = [
    ['batch_size', '64', 0.5, '32'],
    ['batch_size', '33', 0.5, '16'],
    ['batch_size', '3', 1.5, '5'],
    ['batch_size', '1', 0.5, '1'],
    ['batch_size', '1_024', 0.5, '512'],
    ['batch_size', '2_048', 0.5, '1_024'],
    ['x', '10', 0.001, '1'],
    ['lr', '1e-3', 0.1, '1e-4'],
    ['lr', '1E-03', 0.1, '1E-04'],
    ['lr', '1.0e-3', 0.1, '1.0e-4'],
    ['lr', '3e-4', 0.5, '1.5e-4'],
    ['lr', '2.5e-4', 0.1, '2.5e-5'],
    ['lr', '1e+2', 10, '1e+3'],
    ['lr', '1e0', 0.1, '1e-1'],
    ['lr', '0.001', 0.1, '0.0001'],
    ['lr', '0.1', 0.1, '0.01'],
    ['lr', '0.3', 0.1, '0.03'],
    ['lr', '.5', 0.5, '.25'],
    ['lr', '5.', 0.5, '2.5'],
    ['lr', '2.0', 0.5, '1.0'],
    ['lr', '0.000001', 0.1, '0.0000001'],
    ['lr', '0.000000000001', 0.1, '1.0e-13'],
    ['lr', '1', 0.1, '0.1'],
    ['max_norm', '10', 0.1, '1'],
    ['lr', '-0.5', 0.5, '-0.25'],
    ['lr', '0.0', 0.5, '0.0'],
    ['lr', '1_000.5', 2, '2001.0'],
    ['dropout', '0.1', 2, '0.2'],
    ['x', '9007199254740991', 10, '9007199254740991'],
  ];
  for (const [name, text, factor, expected] of table) {
    it(`${name} ${text} x ${factor} = ${expected}`, () =>
      assert.deepEqual(scaleSetting({ name, text }, factor), { newValueText: expected, changed: text !== expected }));
  }

  it('refuses what is no number and no factor', () => {
    for (const factor of [0, -1, NaN, Infinity]) assert.throws(() => scaleSetting({ name: 'lr', text: '1' }, factor), RangeError);
    for (const text of ['', 'abc', '0x10', '1e', '.', '1__0', '1 '])
      assert.throws(() => scaleSetting({ name: 'lr', text }, 0.5), RangeError);
  });

  it('is the number it should be, whatever it was', () => {
    const real = fc.tuple(fc.double({ min: 1e-10, max: 1e10, noNaN: true }), fc.constantFrom(0.1, 0.5, 0.25, 2, 10, 0.3));
    fc.assert(
      fc.property(real, fc.boolean(), ([value, factor], exponent) => {
        const text = exponent ? value.toExponential(5) : value.toFixed(12).replace(/0+$/, '0');
        const { newValueText } = scaleSetting({ name: 'lr', text }, factor);
        const [got, want] = [Number(newValueText), Number(text) * factor];
        assert.ok(Math.abs(got - want) <= Math.abs(want) * 1e-9, `${text} x ${factor} = ${newValueText}`);
      }),
      { numRuns: 2000 },
    );
  });

  it('changes no other byte of the file, and is found again in its place', () => {
    const value = fc.constantFrom('64', '1e-3', '0.001', '3.5', '1_000', '2.5E-05');
    const key = fc.constantFrom('lr', 'batch_size', 'learning_rate');
    const junk = fc.constantFrom('# lr = 1\n', 'x = "é𝒳"\n', '\n', '"""lr = 2"""\n', 'y = [1, 2]\r\n');
    const python = fc
      .tuple(fc.array(junk), key, value, fc.array(junk))
      .map(([before, name, text, after]) => ({ path: 'a.py', text: `${before.join('')}${name} = ${text}\n${after.join('')}` }));
    const yaml = fc
      .tuple(key, value, fc.constantFrom('', ' # lr: 3'))
      .map(([name, text, rest]) => ({ path: 'a.yaml', text: `é: 1\na:\n  - b\nc:\n  ${name}: ${text}${rest}\nd: 2\n` }));
    const command = fc.tuple(key, value, fc.constantFrom(' ', '=')).map(([name, text, between]) => ({
      path: 'runpod.json',
      text: `// é\n{"train": {"command": "a \\"é\\" --${name}${between}${text.replace('_', '')} {model}"}}`,
    }));
    fc.assert(
      fc.property(fc.oneof(python, yaml, command), fc.constantFrom(0.5, 0.1, 2), (file, factor) => {
        const names = ['lr', 'batch_size', 'learning_rate'];
        const [place, ...more] = findSettings([file], names);
        if (file.path === 'a.yaml' && /_|E/.test(file.text.split(': ')[3] ?? '') && place === undefined) return; // not numbers to YAML
        assert.ok(place !== undefined && more.length === 0, file.text);
        const { newValueText } = scaleSetting(place, factor);
        const edit = { file: file.path, line: place.line, start: place.start, end: place.end, oldText: place.text, newText: newValueText };
        const changed = editText(file.text, edit);
        assert.ok(changed !== null);
        assert.equal(changed, file.text.slice(0, place.start) + newValueText + file.text.slice(place.end));
        const again = findSettings([{ ...file, text: changed }], names)[0];
        assert.deepEqual({ ...again, value: 0, text: '', end: 0 }, { ...place, value: 0, text: '', end: 0 });
        assert.equal(again?.text, newValueText);
      }),
      { numRuns: 500 },
    );
  });
});

describe('words of a name', () => {
  it('end at capitals and separators', () => {
    assert.deepEqual(['LogRegConfig', 'SimpleLSTMConfig', 'batch-size', 'XGB_LR', 'lr2', '__x__'].map(wordsOf), [
      ['log', 'reg', 'config'],
      ['simple', 'lstm', 'config'],
      ['batch', 'size'],
      ['xgb', 'lr'],
      ['lr2'],
      ['x'],
    ]);
  });
});

describe('settings of a project', () => {
  it('are looked for in files that may be deployed, and in runpod.json', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rpo-settings-'));
    try {
      mkdirSync(join(folder, 'src'));
      mkdirSync(join(folder, '.venv'));
      writeFileSync(join(folder, 'src/config.py'), 'lr = 0.5\n');
      writeFileSync(join(folder, '.venv/x.py'), 'lr = 0.5\n');
      writeFileSync(join(folder, 'big.json'), `{"lr": 1, "x": "${'x'.repeat(1_000_000)}"}`);
      writeFileSync(join(folder, 'runpod.json'), '{"exclude": ["runpod.json"], "train": {"command": "t --lr 0.5"}}');
      const found = await findProjectSettings(await loadProject(folder), lr, {});
      assert.deepEqual(
        found.map((place) => place.path),
        ['runpod.json', 'src/config.py'],
      );
      await assert.rejects(findProjectSettings(await loadProject(folder), lr, {}, AbortSignal.abort()), (error) =>
        isUserError(error, 'cancelled'),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
