import assert from 'node:assert/strict';
import { newTreeOf } from '../../../src/pod/putNewScript.ts';
import type { Source } from '../../../src/pod/source.ts';

describe('a set of files that may be placed as one tree', () => {
  const source = (remotePath: string, more: Partial<Source> = {}): Source => ({
    remotePath,
    from: { content: Buffer.alloc(0) },
    bytes: 0,
    sha256: '',
    mode: '644',
    modeAsked: false,
    expected: [],
    ours: [],
    ...more,
  });
  const many = (more: Partial<Source> = {}) => Array.from({ length: 60 }, (_, index) => source(`/w/p/src/${index % 5}/${index}.py`, more));

  it('is known by the deepest folder of all and the names below it', () => {
    assert.deepEqual(newTreeOf([...many(), source('/w/p/srcs'), source('/w/p/data/x.npy')]), {
      folder: '/w/p',
      roots: ['src', 'srcs', 'data'],
    });
    assert.deepEqual(newTreeOf(many())?.roots, ['0', '1', '2', '3', '4']);
  });

  it('is none where something is known to be there, or where it would not pay', () => {
    assert.equal(newTreeOf(many({ expected: ['a'.repeat(64), '-'] })), undefined);
    assert.equal(newTreeOf(many({ ours: ['a'.repeat(64)] })), undefined);
    assert.equal(newTreeOf(many().slice(0, 20)), undefined);
  });

  it('is none for names that tools disagree about, modes that a tar does not bring, and the root of the disk', () => {
    assert.equal(newTreeOf([...many(), source('/w/p/line\nbreak')]), undefined);
    assert.equal(newTreeOf(many({ mode: '777' })), undefined);
    assert.equal(newTreeOf([...many(), source('/etc/passwd')]), undefined);
  });
});
