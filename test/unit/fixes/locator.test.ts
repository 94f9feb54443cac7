import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isUserError } from '../../../src/core/errors.ts';
import { PathMap } from '../../../src/core/pathMap.ts';
import { applyEdit } from '../../../src/fixes/apply.ts';
import type { FileEdit } from '../../../src/fixes/located.ts';
import { Locator } from '../../../src/fixes/locator.ts';
import type { Finding, Frame } from '../../../src/monitor/finding.ts';
import { loadProject } from '../../../src/project/project.ts';

const files = {
  'runpod.json':
    '{\n  // how to train\n  "train": {\n    "command": "python -m moola.cli {model}",\n    "models": {\n      "logreg": {},\n      "own": { "command": "make" }\n    }\n  },\n  "stages": [{ "name": "pretrain", "command": "make encoder SEED={seed} DEVICE={device}" }, { "name": "encode", "command": "seed=1; make ${seed}.pt {{device}}" }]\n}\n',
  'src/moola/models/logreg.py': 'def fit():\n    raise ValueError\n',
  'src/moola/utils/features.py': '# features\n',
  'src/moola/config/training.py':
    'class LogregConfig:\n    learning_rate: float = 100.0\n    batch_size: int = 64\n\nclass LstmConfig:\n    learning_rate: float = 0.001\n',
};

function finding(changes: Partial<Finding>): Finding {
  return {
    type: 'python-exception',
    severity: 'error',
    message: '',
    suggestion: '',
    line: 9,
    frame: null,
    frames: [],
    exception: null,
    epoch: null,
    step: null,
    fixes: [],
    ...changes,
  };
}

function traceback(...frames: readonly Frame[]): Partial<Finding> {
  return { frames, frame: frames.at(-1) ?? null };
}

describe('where a finding belongs', () => {
  let root: string;
  let locator: Locator;
  const logreg = { model: 'logreg', command: 'python -m moola.cli logreg' };

  before(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'rpo-locator-')));
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    locator = new Locator(await loadProject(root), new PathMap(root, '/workspace/moola', 'posix'));
  });
  after(() => rm(root, { recursive: true, force: true }));

  it('is the innermost frame that is a file of the project; the others are related, innermost first', async () => {
    const located = await locator.locate(
      finding(
        traceback(
          { file: '/workspace/moola/src/moola/utils/features.py', line: 1 },
          { file: '/workspace/moola/src/moola/models/logreg.py', line: 2 },
          { file: '/usr/lib/python3.11/runpy.py', line: 88 },
          { file: '/workspace/other/lib.py', line: 3 },
        ),
      ),
      logreg,
    );
    assert.deepEqual(located.place, { file: join(root, 'src/moola/models/logreg.py'), line: 2, source: 'frame' });
    assert.deepEqual(
      located.related.map(({ place }) => place),
      [{ file: join(root, 'src/moola/utils/features.py'), line: 1 }],
    );
  });

  it('is found where the pod calls the folder otherwise', async () => {
    for (const file of ['/runpod-volume/moola/src/moola/models/logreg.py', 'src/moola/models/logreg.py', './src/moola/models/logreg.py']) {
      assert.equal(
        (await locator.locate(finding(traceback({ file, line: 2 })), logreg)).place?.file,
        join(root, 'src/moola/models/logreg.py'),
        file,
      );
    }
  });

  it('is never a file of a library, although the project has one of that name', async () => {
    const located = await locator.locate(
      finding(traceback({ file: '/venv/lib/python3.11/site-packages/src/moola/models/logreg.py', line: 2 })),
      logreg,
    );
    assert.equal(located.place?.source, 'config');
  });

  it('is the setting that the finding is about when there is no frame', async () => {
    const located = await locator.locate(
      finding({ type: 'nan-loss', fixes: [{ kind: 'scale-setting', names: ['learning_rate'], factor: 0.1, title: '' }] }),
      logreg,
    );
    assert.deepEqual(located.place, { file: join(root, 'src/moola/config/training.py'), line: 2, source: 'setting' });
  });

  it('is the setting of runpod.json that our own sentence names', async () => {
    const text = files['runpod.json'].replace('{', '{\n  "environment": { "activate": "venv/bin/activate" },');
    await writeFile(join(root, 'runpod.json'), text);
    const message = 'The activate script /w/venv/bin/activate is not on the pod. Create the environment there.';
    const { place } = await locator.locate(finding({ type: 'config-error', message }), logreg);
    assert.deepEqual([place?.line, place?.source], [2, 'config']);
    await writeFile(join(root, 'runpod.json'), files['runpod.json']);
  });

  it('is the line of runpod.json that started the run when there is nothing else', async () => {
    assert.deepEqual((await locator.locate(finding({}), logreg)).place, {
      file: join(root, 'runpod.json'),
      line: 6,
      columns: { start: 7, end: 19 },
      source: 'config',
    });
    assert.equal((await locator.locate(finding({}), { model: 'own', command: 'make' })).place?.line, 7);
  });

  it('is nowhere in runpod.json for a command that was typed for one run', async () => {
    assert.equal((await locator.locate(finding({}), { model: null, command: 'x' })).place, null);
  });

  it('is nowhere without a runpod.json', async () => {
    const bare = new Locator({ ...(await loadProject(root)), configFile: null }, new PathMap(root, '/workspace/moola', 'posix'));
    assert.equal((await bare.locate(finding({}), logreg)).place, null);
  });
});

describe('what can be done about a finding', () => {
  let root: string;
  let locator: Locator;
  const logreg = { model: 'logreg', command: '', device: 'cpu', seed: 7 };

  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'rpo-fixes-')));
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    locator = new Locator(await loadProject(root), new PathMap(root, '/workspace/moola', 'posix'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function actions(...fixes: Finding['fixes']) {
    return (await locator.locate(finding({ fixes }), logreg)).actions;
  }
  async function edit(): Promise<FileEdit> {
    const [action] = await actions({ kind: 'scale-setting', names: ['learning_rate'], factor: 0.1, title: '' });
    assert.equal(action?.kind, 'edit');
    return action.edit;
  }

  it('is an edit of the setting of that very model, and of nothing else', async () => {
    await applyEdit(await edit());
    assert.equal(
      await readFile(join(root, 'src/moola/config/training.py'), 'utf8'),
      files['src/moola/config/training.py'].replace('100.0', '10.0'),
    );
  });

  it('keeps the mode of the file it edits', async () => {
    await chmod(join(root, 'src/moola/config/training.py'), 0o755);
    await applyEdit(await edit());
    assert.equal((await stat(join(root, 'src/moola/config/training.py'))).mode & 0o777, 0o755);
  });

  it('leaves a file alone that changed since', async () => {
    const late = await edit();
    const path = join(root, 'src/moola/config/training.py');
    await writeFile(path, '# moved\n' + files['src/moola/config/training.py']);
    await assert.rejects(applyEdit(late), (error) => isUserError(error, 'local-failed') && /by hand/.test(error.message));
    assert.equal(await readFile(path, 'utf8'), '# moved\n' + files['src/moola/config/training.py']);
  });

  it('is no edit when the project does not have the setting', async () => {
    assert.deepEqual(await actions({ kind: 'scale-setting', names: ['dropout_of_no_one'], factor: 0.5, title: '' }), []);
  });

  it('is an installation, quoted whatever the log called the package', async () => {
    const [action] = await actions({ kind: 'install-package', module: 'x', package: 'x; rm -rf /', title: '' });
    assert.equal(action?.kind === 'install' && action.command, "python -m pip install 'x; rm -rf /'");
  });

  it('is called by what it does itself: whether it is trained again then is up to the face', async () => {
    const all = await actions(
      { kind: 'install-package', module: 'sklearn', package: 'scikit-learn', title: '' },
      { kind: 'deploy-file', path: 'moola/utils/features.py', title: '' },
      { kind: 'deploy-and-retrain', title: 'Deploy and train again' },
    );
    assert.deepEqual(
      all.map(({ title }) => title),
      ['Install scikit-learn on the pod', 'Deploy src/moola/utils/features.py'],
    );
    const [again] = await actions({ kind: 'deploy-and-retrain', title: 'Deploy and train again' });
    assert.equal(again?.title, 'Deploy what changed');
  });

  it('is no deploy of the file that imports a package the pod lacks', async () => {
    const missing = finding({
      ...traceback({ file: '/workspace/moola/src/moola/models/logreg.py', line: 2 }),
      type: 'import-error',
      fixes: [
        { kind: 'install-package', module: 'xgboost', package: 'xgboost', title: '' },
        { kind: 'deploy-and-retrain', title: '' },
      ],
    });
    assert.deepEqual(
      (await locator.locate(missing, logreg)).actions.map(({ title }) => title),
      ['Install xgboost on the pod'],
    );
  });

  it('is a deploy of the file that the pod lacks, when the project has it', async () => {
    const [action] = await actions({ kind: 'deploy-file', path: 'moola/utils/features.py', title: '' });
    assert.deepEqual(action?.kind === 'deploy' && action.files, ['src/moola/utils/features.py']);
    assert.deepEqual(await actions({ kind: 'deploy-file', path: '/data/none.csv', title: '' }), []);
  });

  it('is a suggested edit of the one training loop that it fits, or of the file that failed', async () => {
    const loop = 'import torch\n\ndef fit(net, optimizer):\n    net.parameters()\n    optimizer.step()\n';
    const clip = {
      kind: 'suggest-edit',
      after: '.backward()',
      code: 'torch.nn.utils.clip_grad_norm_(…)',
      title: 'Clip the gradient norm',
    } as const;
    assert.deepEqual(await actions(clip), []);
    await writeFile(join(root, 'src/moola/models/net.py'), loop);
    const [action] = await actions(clip);
    assert.ok(action?.kind === 'suggest-edit');
    assert.equal(action.title, 'Clip the gradient norm, in src/moola/models/net.py');
    assert.equal(action.diff, '+     torch.nn.utils.clip_grad_norm_(net.parameters(), max_norm=1.0)\n      optimizer.step()');
    await applyEdit(action.edit);
    assert.deepEqual(await actions(clip), [], 'it is there now');

    await writeFile(join(root, 'src/moola/models/net.py'), loop);
    await writeFile(join(root, 'src/moola/models/other.py'), loop);
    assert.deepEqual(await actions(clip), [], 'two loops: not clear which one is meant');
    const failed = traceback({ file: '/workspace/moola/src/moola/models/other.py', line: 5 });
    const [inFailed] = (await locator.locate(finding({ ...failed, fixes: [clip] }), logreg)).actions;
    assert.equal(inFailed?.kind === 'suggest-edit' && inFailed.edit.file, join(root, 'src/moola/models/other.py'));
  });

  it('is a stage of the project that makes what is missing', async () => {
    const [action] = await actions({ kind: 'run-stage', names: ['pretraining', 'pretrain'], title: '' });
    assert.equal(action?.kind === 'run-stage' && action.command, 'make encoder SEED=7 DEVICE=cpu');
    const [own] = await actions({ kind: 'run-stage', names: ['encode'], title: '' });
    assert.equal(own?.kind === 'run-stage' && own.command, 'seed=1; make ${seed}.pt {device}', 'a variable of the shell is no placeholder');
  });
});
