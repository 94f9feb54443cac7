import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asOneLine, takeEnvironment } from '../../../src/pod/warmChannel.ts';

const shells = [['sh'], ['bash'], ['busybox', 'sh']].filter(
  ([program = '', ...more]) => spawnSync(program, [...more, '-c', ':']).status === 0,
);

for (const [program = '', ...more] of shells) {
  describe(`container environment, in ${[program, ...more].join(' ')}`, () => {
    let folder: string;
    beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'rpo-env-'))));
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    /** The environment a command of the session sees. */
    function session(copy: string | undefined, first: Record<string, string>): Map<string, string> {
      const copyFile = join(folder, 'rp_environment');
      const firstFile = join(folder, 'environ');
      if (copy !== undefined) writeFileSync(copyFile, copy);
      writeFileSync(
        firstFile,
        Object.entries(first)
          .map(([name, value]) => `${name}=${value}\0`)
          .join(''),
      );
      const line = 'rpo_nl="${IFS#??}"; ' + asOneLine(takeEnvironment(copyFile, firstFile) + 'env -0');
      const { stdout, stderr, status } = spawnSync(program, [...more, '-c', line], {
        encoding: 'utf8',
        env: { PATH: process.env.PATH ?? '', HOME: '/home/session', KEPT: 'session' },
      });
      assert.deepEqual([status, stderr], [0, '']);
      return new Map(
        stdout
          .split('\0')
          .filter(Boolean)
          .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
      );
    }

    it("takes what the session lacks from a pod's first process, whatever the values hold", () => {
      const values = {
        RUNPOD_POD_ID: 'abc',
        SPACES: ' a  b ',
        QUOTES: `'"\`$(id)$HOME\\n`,
        LINES: 'one\ntwo\n',
        UNICODE: 'ü🚀',
        EMPTY: '',
        EQUALS: 'a=b=c',
        GLOB: '*',
      };
      const seen = session(undefined, { ...values, KEPT: 'first', HOME: '/root', HOSTNAME: 'pod', 'NOT-A-NAME': 'x' });
      for (const [name, value] of Object.entries(values)) assert.equal(seen.get(name), value, name);
      assert.equal(seen.get('KEPT'), 'session');
      assert.equal(seen.get('HOME'), '/home/session');
      assert.equal(seen.has('HOSTNAME'), false);
      assert.deepEqual(
        [...seen.keys()].filter((name) => name.startsWith('rpo_')),
        [],
      );
    });

    it("puts the image's PATH first where there is no copy of the environment", () => {
      assert.equal(session(undefined, { RUNPOD_POD_ID: 'abc', PATH: '/opt/conda/bin' }).get('PATH'), `/opt/conda/bin:${process.env.PATH}`);
    });

    it('prefers the copy that the official images write', () => {
      const seen = session('export HF_HOME="/workspace/.cache"\nexport PATH="/usr/local/cuda/bin:$PATH"\n', {
        RUNPOD_POD_ID: 'abc',
        HF_HOME: '/other',
        PATH: '/opt/conda/bin',
        MORE: '1',
      });
      assert.deepEqual([seen.get('HF_HOME'), seen.get('MORE')], ['/workspace/.cache', '1']);
      assert.equal(seen.get('PATH'), `/usr/local/cuda/bin:${process.env.PATH}`);
    });

    it('survives a copy that is no shell script any more', () => {
      const seen = session('export A="unfinished\nexport B=`(\n', { RUNPOD_POD_ID: 'abc', A: 'whole', PATH: '/opt/conda/bin' });
      assert.equal(seen.get('A'), 'whole');
      assert.equal(seen.get('PATH'), `/opt/conda/bin:${process.env.PATH}`);
    });

    it('leaves a machine that is no pod alone', () => {
      assert.equal(session(undefined, { SECRET_OF_INIT: '1' }).has('SECRET_OF_INIT'), false);
    });
  });
}
