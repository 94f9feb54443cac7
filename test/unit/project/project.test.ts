import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { isUserError, type Reason } from '../../../src/core/errors.ts';
import {
  expandTemplates,
  findProjectRoot,
  loadProject,
  onPod,
  type Project,
  remoteRootOf,
  resultPatterns,
  setUpLines,
  trainingCommand,
  variablesOf,
} from '../../../src/project/project.ts';
import { projectSchema } from '../../../src/project/schema.ts';

function project(config: unknown = {}, root = '/home/me/moola'): Project {
  return { root, config: projectSchema.parse(config), configFile: `${root}/runpod.json` };
}

function refused(run: () => unknown, reason: Reason, pattern: RegExp): void {
  assert.throws(run, (error) => {
    assert.ok(isUserError(error, reason), String(error));
    assert.match(error.message, pattern);
    return true;
  });
}

describe('a project on disk', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'rpo-project-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('without runpod.json is a project of defaults', async () => {
    const loaded = await loadProject(folder);
    assert.equal(loaded.configFile, null);
    assert.equal(loaded.config.train.seed, 1337);
    assert.deepEqual(loaded.config.logs, ['logs/**/*.log']);
  });

  it('may have comments, trailing commas and a byte order mark', async () => {
    writeFileSync(join(folder, 'runpod.json'), '\uFEFF// mine\n{ "train": { "seed": 7, /* here */ }, }\n');
    const loaded = await loadProject(folder);
    assert.equal(loaded.config.train.seed, 7);
    assert.equal(loaded.configFile, join(folder, 'runpod.json'));
  });

  it('names every bad value with its line and column', async () => {
    writeFileSync(
      join(folder, 'runpod.json'),
      [
        '{',
        '  "remoteRoot": "relative",',
        '  "train": {',
        '    "sede": 3,',
        '    "models": { "rf": { "seed": "abc", "device": "" }, "xgb": { "seed": -1 } }',
        '  },',
        '  "environment": { "variables": { "1a": "x", "B": 3 } },',
        '  "presets": { "empty": [] }',
        '}',
      ].join('\n'),
    );
    await assert.rejects(loadProject(folder), (error) => {
      assert.ok(isUserError(error, 'bad-config'));
      const lines = error.message.split('\n');
      assert.match(lines[0] ?? '', /^\/.*\/runpod\.json has 8 problems; correct it and try again:$/);
      assert.deepEqual(lines.slice(1), [
        '  runpod.json:2:17: remoteRoot: expected an absolute path on the pod, like /workspace/project, got "relative"',
        '  runpod.json:4:5: train.sede: unknown key. Did you mean "seed"?',
        '  runpod.json:5:33: train.models.rf.seed: expected a whole number >= 0, got "abc"',
        '  runpod.json:5:50: train.models.rf.device: expected a string that is not empty, got ""',
        '  runpod.json:5:73: train.models.xgb.seed: expected a whole number >= 0, got -1',
        '  runpod.json:7:35: environment.variables.1a: expected a name of letters, digits and _',
        '  runpod.json:7:51: environment.variables.B: expected a string, got 3',
        '  runpod.json:8:25: presets.empty: expected a list [...] with at least one entry, got []',
      ]);
      const problems = error.details['problems'] as { file: string; line: number; column: number; path: string }[];
      assert.equal(problems.length, 8);
      assert.deepEqual(
        { ...problems[2], message: undefined },
        { file: join(folder, 'runpod.json'), line: 5, column: 33, path: 'train.models.rf.seed', message: undefined },
      );
      return true;
    });
  });

  const broken: readonly (readonly [string, string, RegExp])[] = [
    ['an unclosed object', '{ "train": {', /runpod\.json:1:13: syntax: .*expected "\}"/],
    ['a missing comma', '{ "exclude": []\n"gitignore": true }', /runpod\.json:2:1: syntax: "gitignore": expected ","/],
    ['single quotes', "{ 'a': 1 }", /runpod\.json:1:3: syntax: .*is not JSON/],
    ['an empty file', ' \n', /runpod\.json:1:1: the file is empty; write \{\}/],
    ['a list', '[]', /runpod\.json:1:1: expected an object \{\.\.\.\}, got \[\]/],
    ['a key given twice', '{ "logs": [],\n "logs": ["a"] }', /runpod\.json:2:2: logs: is given twice/],
    [
      '__proto__',
      '{ "train": { "models": { "__proto__": {} } } }',
      /runpod\.json:1:26: train\.models\.__proto__: cannot be used as a name/,
    ],
    ['hopeless nesting', '['.repeat(200_000), /1:1: the file is nested too deep/],
    ['a file that is no settings file', ' '.repeat(1_000_001), /expected at most 1000000/],
    [
      'an unknown placeholder',
      '{"train": {"command": "x {modle}"}}',
      /1:23: train\.command: unknown placeholder \{modle\}\. Did you mean "model"\?/,
    ],
    [
      'a stage that needs none there',
      '{"stages": [{"name": "a", "command": "x", "needs": ["b"]}]}',
      /stages\[0\]\.needs\[0\]: there is no stage "b"/,
    ],
    [
      'a stage given twice',
      '{"stages": [{"name": "a", "command": "x"},\n{"name": "a", "command": "x"}]}',
      /2:10: stages\[1\]\.name: "a" names two stages/,
    ],
    [
      'stages that wait for each other',
      '{"stages": [{"name": "a", "command": "x", "needs": ["b"]}, {"name": "b", "command": "x", "needs": ["a"]}]}',
      /stages\[0\]\.needs: these stages wait for each other: a -> b -> a/,
    ],
    [
      'a stage of two kinds',
      '{"stages": [{"name": "a", "command": "x", "models": ["m"]}]}',
      /stages\[0\]: a stage has either "models" or "command"/,
    ],
    [
      'a stage with an unknown model',
      '{"train": {"models": {"rf": {}}}, "stages": [{"name": "a", "models": ["fr"]}]}',
      /stages\[0\]\.models\[0\]: "fr" is not in train\.models\. Did you mean "rf"\?/,
    ],
    [
      'a preset that leaves the project',
      '{"presets": {"a": ["../x"]}}',
      /presets\.a\[0\]: expected a path below the project, got "\.\.\/x"/,
    ],
    ['a result that leaves the remote root', '{"results": ["/etc/passwd"]}', /results\[0\]: expected a path below the remote root/],
    ['the whole pod as remote root', '{"remoteRoot": "/.."}', /remoteRoot: expected a folder of the project's own/],
    ['a model name with ..', '{"train": {"models": {"../x": {}}}}', /1:23: train\.models\["\.\.\/x"\]: a model name cannot lead out/],
  ];
  for (const [what, text, pattern] of broken) {
    it(`answers ${what}`, async () => {
      writeFileSync(join(folder, 'runpod.json'), text);
      await assert.rejects(loadProject(folder), (error) => {
        assert.ok(isUserError(error, 'bad-config'), String(error));
        assert.match(error.message, pattern);
        return true;
      });
    });
  }

  it('answers whatever stands in the file with a sentence, never with a bug', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.json().map((json) => `{"train": ${json}, "stages": [${json}]}`),
        ),
        async (text) => {
          writeFileSync(join(folder, 'runpod.json'), text);
          try {
            await loadProject(folder);
          } catch (error) {
            assert.ok(isUserError(error, 'bad-config'), String(error));
            for (const { line, column } of error.details['problems'] as { line: number; column: number }[]) {
              assert.ok(line >= 1 && column >= 1 && line <= text.split(/\r\n|\r|\n/).length);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('whose runpod.json is a folder is said so', async () => {
    const root = mkdtempSync(join(tmpdir(), 'rpo-folder-'));
    mkdirSync(join(root, 'runpod.json'));
    await assert.rejects(
      loadProject(root),
      (error) => isUserError(error, 'bad-config') && /runpod\.json is a folder\. Rename it/.test(error.message),
    );
    rmSync(root, { recursive: true });
  });

  it('whose folder is not there is said so', async () => {
    await assert.rejects(
      loadProject(join(folder, 'nowhere')),
      (error) => isUserError(error, 'local-missing') && /nowhere/.test(error.message),
    );
  });

  it('is found from a folder below it', async () => {
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    assert.equal(await findProjectRoot(join(folder, 'a/b')), null);
    writeFileSync(join(folder, 'runpod.json'), '{}');
    mkdirSync(join(folder, 'a/runpod.json')); // a folder of that name is no project file
    writeFileSync(join(folder, 'a/b/train.py'), '');
    assert.equal(await findProjectRoot(join(folder, 'a/b/train.py')), folder);
    assert.equal(await findProjectRoot(folder), folder);
  });
});

describe('places on the pod', () => {
  it('default to /workspace and the name of the folder', () => {
    assert.equal(remoteRootOf(project({}, '/home/me/my moola')), '/workspace/my moola');
    assert.equal(remoteRootOf(project({}, '/')), '/workspace/project');
    assert.equal(remoteRootOf(project({ remoteRoot: '/workspace/./x/../moola/' })), '/workspace/moola');
  });

  it('follow the workspace of a pod that has it elsewhere', () => {
    const pod = { workspace: '/tmp/practice/' };
    assert.equal(remoteRootOf(project(), pod), '/tmp/practice/moola');
    assert.equal(remoteRootOf(project({ remoteRoot: '/workspace' }), pod), '/tmp/practice');
    assert.equal(remoteRootOf(project({ remoteRoot: '/workspaces/x' }), pod), '/workspaces/x');
    assert.equal(onPod('/workspace/venv/bin/activate', '/tmp/practice/moola', pod), '/tmp/practice/venv/bin/activate');
    assert.equal(onPod('.venv/bin/activate', '/tmp/practice/moola', pod), '/tmp/practice/moola/.venv/bin/activate');
    assert.equal(onPod('/opt/x', '/r', pod), '/opt/x');
    const variables = { PYTHONPATH: '/workspace/moola/src:/workspace/lib/:/usr/lib', NAME: 'a:b' };
    assert.deepEqual(variablesOf(project({ environment: { variables } }), pod), {
      PYTHONPATH: '/tmp/practice/moola/src:/tmp/practice/lib/:/usr/lib',
      NAME: 'a:b',
    });
    assert.deepEqual(variablesOf(project({ environment: { variables } })), variables);
  });
});

describe('what stands before every command', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "rpo set'up-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const run = (text: string) => spawnSync('sh', ['-c', text], { encoding: 'utf8' });

  it('goes into the folder, exports and activates, with any name', () => {
    const config = { environment: { activate: 'v env/activate', variables: { GREETING: "it's $HOME\nand `x`" } } };
    const lines = setUpLines(project(config, '/x/pro ject'), { workspace: folder });
    assert.ok(!lines.slice(0, lines.indexOf('GREETING')).includes('\n'));
    const root = join(folder, 'pro ject');
    mkdirSync(join(root, 'v env'), { recursive: true });
    writeFileSync(join(root, 'v env/activate'), 'ACTIVE="yes $GREETING"\n');
    const { status, stdout } = run(`${lines}printf '%s|%s' "$PWD" "$ACTIVE"`);
    assert.equal(stdout, `${root}|yes it's $HOME\nand \`x\``);
    assert.equal(status, 0);
    assert.equal(run(`${lines}false`).status, 1);
  });

  it('makes the folder when it is not there yet', () => {
    assert.equal(run(`${setUpLines(project({}, '/x/fresh'), { workspace: folder })}pwd`).stdout.trim(), join(folder, 'fresh'));
  });

  it('stops with 78 and a sentence when the folder cannot be made or the script is missing', () => {
    writeFileSync(join(folder, 'file'), '');
    const noFolder = run(`${setUpLines(project({}, '/x/moola'), { workspace: join(folder, 'file') })}echo ran`);
    assert.deepEqual([noFolder.status, noFolder.stdout], [78, '']);
    assert.match(noFolder.stderr, /^The project's folder .*moola cannot be made or entered on the pod\. Set "remoteRoot"/);
    const lines = setUpLines(project({ environment: { activate: '/workspace/venv/bin/activate' } }), { workspace: folder });
    const noScript = run(`${lines}echo ran`);
    assert.deepEqual([noScript.status, noScript.stdout], [78, '']);
    assert.match(noScript.stderr, /^The activate script .*venv\/bin\/activate is not on the pod\..*environment\.activate/);
  });

  it('only warns of a missing script when it is told so', () => {
    const config = { environment: { activate: '/workspace/venv/bin/activate' } };
    const lines = setUpLines(project(config), { workspace: folder }, 'warn');
    const without = run(`${lines}echo ran`);
    assert.deepEqual([without.status, without.stdout], [0, 'ran\n']);
    assert.match(without.stderr, /^Warning, .* is not on the pod/);
    mkdirSync(join(folder, 'venv/bin'), { recursive: true });
    writeFileSync(join(folder, 'venv/bin/activate'), 'ACTIVE=yes\n');
    const given = run(`${lines}echo "$ACTIVE"`);
    assert.deepEqual([given.stdout, given.stderr], ['yes\n', '']);
  });
});

describe('a training command', () => {
  const config = {
    train: {
      command: 'python -m moola.cli oof --model {model} --device {device} --seed {seed} {encoder}',
      models: { logreg: { device: 'cpu' }, cnn: { encoder: 'artifacts/enc.pt', seed: 5 }, own: { command: 'make {device} own' } },
    },
  };

  it('takes model, then train settings, then what is asked for', () => {
    const one = project(config);
    assert.equal(trainingCommand(one, { model: 'logreg' }).command, 'python -m moola.cli oof --model logreg --device cpu --seed 1337');
    const cnn = trainingCommand(one, { model: 'cnn', device: 'cuda:1' }, { workspace: '/w s' });
    assert.equal(
      cnn.command,
      "python -m moola.cli oof --model cnn --device cuda:1 --seed 5 --load-pretrained-encoder '/w s/moola/artifacts/enc.pt'",
    );
    assert.deepEqual(
      { ...cnn, command: '' },
      { command: '', model: 'cnn', device: 'cuda:1', seed: 5, encoder: '/w s/moola/artifacts/enc.pt', variables: {} },
    );
    assert.equal(trainingCommand(one, { model: 'cnn', encoder: '/workspace/e' }).encoder, '/workspace/e');
    assert.equal(trainingCommand(one, { model: 'own' }).command, 'make cuda own');
    assert.equal(trainingCommand(one, { model: 'logreg', seed: 0 }).seed, 0);
  });

  it('of a stage comes before those of models', () => {
    const one = project(config);
    const stage = { name: 's', command: 'stack {device} {seed}', device: 'cpu' };
    assert.deepEqual(trainingCommand(one, { stage }).command, 'stack cpu 1337');
    assert.equal(trainingCommand(one, { stage }).model, null);
    assert.equal(trainingCommand(one, { stage: { name: 's', models: ['cnn'], device: 'cpu' }, model: 'cnn' }).device, 'cpu');
  });

  it('given by the caller keeps braces that are no placeholders', () => {
    const command = "awk '{print}' ${HOME} {a,b} {{model}} {model}";
    assert.equal(trainingCommand(project(config), { command, model: 'cnn' }).command, "awk '{print}' ${HOME} {a,b} {model} cnn");
  });

  it('needs no model when there is one, and any name when none is configured', () => {
    assert.equal(trainingCommand(project({ train: { command: 't {model}', models: { rf: {} } } }), {}).model, 'rf');
    assert.equal(trainingCommand(project({ train: { command: 't {model}' } }), { model: 'x y' }).command, "t 'x y'");
  });

  const bad: readonly (readonly [string, unknown, Parameters<typeof trainingCommand>[1], Reason, RegExp])[] = [
    ['no command', {}, { model: 'rf' }, 'not-configured', /does not say how to train "rf"\. .*"train": \{ "command"/],
    [
      'an unknown model',
      config,
      { model: 'logrge' },
      'bad-argument',
      /no model "logrge" .*Did you mean "logreg"\? Known models: logreg, cnn, own/,
    ],
    [
      'a far-off model',
      config,
      { model: 'zzzzzz' },
      'bad-argument',
      /no model "zzzzzz" in runpod\.json\. Known models: logreg, cnn, own\./,
    ],
    ['a property of all objects', config, { model: 'constructor' }, 'bad-argument', /no model "constructor"/],
    ['no model', config, {}, 'bad-argument', /Which model\? Known models: logreg/],
    ['an option as model', { train: { command: 't {model}' } }, { model: '--help' }, 'bad-argument', /cannot start with "-"/],
    ['a way out as model', { train: { command: 't {model}' } }, { model: '../x' }, 'bad-argument', /cannot lead out/],
    ['an unknown placeholder', { train: { command: 't {modle}' } }, { model: 'a' }, 'bad-config', /unknown placeholder \{modle\}/],
    ['a seed with no place', config, { model: 'own', seed: 3 }, 'bad-argument', /no place for the seed 3\. Write \{seed\}/],
    ['an encoder with no place', config, { model: 'own', encoder: 'e' }, 'bad-argument', /no place for the encoder "e"/],
    ['half a seed', config, { model: 'cnn', seed: 1.5 }, 'bad-argument', /whole number >= 0/],
    ['an option as device', config, { model: 'cnn', device: '-x' }, 'bad-argument', /not a device/],
    ['a NUL', config, { model: 'cnn', device: 'a\0b' }, 'bad-argument', /NUL/],
    ['quotes around a placeholder', { train: { command: 't "{model}"' } }, { model: 'a$(id)' }, 'bad-config', /without quotes around it/],
    ['a substitution', { train: { command: 't "$(echo "{model}")"' } }, { model: 'a$(id)' }, 'bad-config', /without quotes around it/],
  ];
  for (const [what, settings, request, reason, pattern] of bad) {
    it(`answers ${what}`, () => refused(() => trainingCommand(project(settings), request), reason, pattern));
  }

  it('gives each value to the program unchanged, whatever it holds', () => {
    const word = fc
      .string({ minLength: 1, maxLength: 12, unit: 'grapheme' })
      .filter((text) => !/[\u0000-\u001f\u007f]/.test(text) && !text.startsWith('-') && !text.includes('/') && text !== '..');
    const nasty = fc.oneof(word, fc.constantFrom("'", '"', '$(id)', '`id`', '; id', '{seed}', '$&', '\\', '*', '~'));
    fc.assert(
      fc.property(nasty, nasty, (model, encoder) => {
        const one = project({ train: { command: "printf '%s\\n' {model} {encoder} {seed}", encoderArgument: '-e {path}' } });
        const { command } = trainingCommand(one, { model, encoder });
        const printed = execFileSync('sh', ['-c', command], { encoding: 'utf8' }).split('\n');
        assert.deepEqual(printed, [model, '-e', onPod(encoder, '/workspace/moola'), '1337', '']);
      }),
      { numRuns: 60 },
    );
  });
});

describe('result patterns', () => {
  it('are filled in; a name is never a glob', () => {
    assert.deepEqual(expandTemplates(['oof/{model}/seed_{seed}.npy', '*.{npy,npz}'], { model: 'a*', seed: 3 }), [
      'oof/a\\*/seed_3.npy',
      '*.{npy,npz}',
    ]);
    assert.deepEqual(expandTemplates(['oof/{model}/seed_{seed}.npy'], {}), ['oof/*/seed_*.npy']);
    const one = project({ results: ['all/{model}'], train: { models: { own: { results: ['mine/{seed}'] }, not: {} } } });
    assert.deepEqual(resultPatterns(one, { model: 'own', seed: 1 }), ['mine/1']);
    assert.deepEqual(resultPatterns(one, { model: 'not', seed: 1 }), ['all/not']);
  });
});
