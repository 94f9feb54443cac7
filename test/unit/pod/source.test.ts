import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, open, rm, truncate, writeFile, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isUserError } from '../../../src/core/errors.ts';
import { inspect, sameContent } from '../../../src/pod/source.ts';

describe('a local file to send', () => {
  let folder = '';
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'rpo-source-'))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('that cannot be read to its end is told about when what came before has been sent, and ends no process meanwhile', async () => {
    const bytes = 9_000_000;
    const localPath = join(folder, 'model.ckpt');
    await writeFile(localPath, '');
    await truncate(localPath, bytes);
    const handle = await open(localPath);
    const prototype = Object.getPrototypeOf(handle) as Pick<FileHandle, 'read'>;
    await handle.close();
    const { read } = prototype;
    let reads = 0;
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', onUnhandled);
    prototype.read = function (this: FileHandle, ...args: unknown[]) {
      return reads++ === 1 ? Promise.reject(new Error('EIO')) : (read as (...args: unknown[]) => never).apply(this, args);
    };
    try {
      const source = { remotePath: '/x', from: { localPath }, bytes, sha256: '', mode: '644', modeAsked: false, expected: [], ours: [] };
      const send = async () => {
        for await (const _chunk of sameContent(source, () => {})) await delay(5);
      };
      await assert.rejects(send(), (error) => isUserError(error, 'local-failed'));
      assert.deepEqual(unhandled, []);
    } finally {
      process.off('unhandledRejection', onUnhandled);
      prototype.read = read;
    }
  });

  it('that is written over while it is read is none to send, and one that is appended to is what it was', async () => {
    const bytes = 9_000_000;
    const localPath = join(folder, 'model.ckpt');
    await writeFile(localPath, '');
    const handle = await open(localPath);
    const prototype = Object.getPrototypeOf(handle) as Pick<FileHandle, 'read'>;
    await handle.close();
    const { read } = prototype;
    const inspectWhile = async (change: () => void) => {
      await truncate(localPath, bytes);
      let reads = 0;
      prototype.read = function (this: FileHandle, ...args: unknown[]) {
        if (reads++ === 3) change();
        return (read as (...args: unknown[]) => never).apply(this, args);
      };
      try {
        return await inspect([{ source: { localPath }, remotePath: '/x' }], undefined);
      } finally {
        prototype.read = read;
      }
    };
    const [appended] = await inspectWhile(() => appendFileSync(localPath, 'more'));
    assert.equal(appended?.bytes, bytes);
    const writtenOver = inspectWhile(() => writeFileSync(localPath, Buffer.alloc(bytes, 1), { flag: 'r+' }));
    await assert.rejects(writtenOver, (error) => isUserError(error, 'local-failed'));
  });
});
