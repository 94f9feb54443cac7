import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Orchestrator } from '../../src/orchestrator.ts';
import { seededRandom } from './support/faultProxy.ts';
import { usePod } from './support/pod.ts';

/** Pieces that have broken file tools before; each is a name, and names are made of several. */
const pieces = [
  ' ',
  "'",
  '"',
  '`id`',
  '$HOME',
  '$(id)',
  '\n',
  '\r',
  '\t',
  '\\',
  '\\n',
  '-',
  '--',
  '-rf',
  '*',
  '?',
  '[a]',
  '{a,b}',
  '!',
  '#',
  '~',
  '%s',
  ':',
  ';',
  '&',
  '|',
  '<',
  '>',
  '(',
  '..x',
  'x..',
  '...',
  'x.',
  '.x',
  'é', // one character
  'e\u0301', // the same to the eye, two
  '漢字',
  '🚀',
  '\u202e',
  '\u2028',
  '=',
  'x.py',
  'CON',
];
const longest = 'n'.repeat(251) + '.txt';

function names(seed: number): string[] {
  const random = seededRandom(seed);
  const some = () => pieces[Math.floor(random() * pieces.length)] ?? '';
  const made = Array.from({ length: 60 }, () => Array.from({ length: 1 + Math.floor(random() * 4) }, some).join(''));
  return [...new Set([...pieces, ...made, longest])];
}

describe('names that are hard on tools go to the pod and come back', function () {
  this.timeout(60_000);
  const t = usePod();

  for (const seed of [1, 2]) {
    it(`by deploy, upload and download, with seed ${seed}`, async () => {
      const all = names(seed);
      const paths = all.flatMap((name, index) => [`flat/${name}`, `deep/${name}/${all.at(-1 - index) ?? ''}`]);
      const local = join(t.tmp, 'project');
      for (const path of paths) {
        await mkdir(dirname(join(local, path)), { recursive: true });
        await writeFile(join(local, path), `content of ${path}`);
      }
      await writeFile(join(local, 'runpod.json'), '{}');
      const { host, port, user, identityFile, workspace } = t.practice;
      const remoteRoot = join(workspace, `it's "${seed}"\n$x`);
      const options = { host, port, user, identityFile, remoteRoot, projectRoot: local, home: join(t.tmp, 'home') };
      const orchestrator = await Orchestrator.connect(options);
      try {
        const isDeployable = await orchestrator.files.deployable();
        assert.deepEqual(
          paths.filter((path) => !isDeployable.includes(path)),
          [],
        );
        await orchestrator.deployFixes(paths);
        assert.deepEqual(await orchestrator.files.changed(), ['runpod.json']);
        await orchestrator.uploadDirectory('flat', 'again');
        for (const folder of ['flat', 'deep', 'again']) {
          const { files, missing } = await orchestrator.downloadDirectory(folder, `back/${folder}`);
          assert.deepEqual(missing, []);
          const from = folder === 'again' ? 'flat' : folder;
          const sent = paths.filter((path) => path.startsWith(`${from}/`)).map((path) => path.slice(from.length + 1));
          assert.deepEqual(files.map(({ path }) => path).sort(), sent.sort());
          for (const path of sent)
            assert.equal(await readFile(join(local, 'back', folder, path), 'utf8'), `content of ${from}/${path}`, JSON.stringify(path));
        }
        await orchestrator.downloadFile(`flat/${longest}`, `one/${longest}`);
      } finally {
        await orchestrator.close();
      }
    });
  }
});
