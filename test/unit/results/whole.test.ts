import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { dump } from 'npyjs';
import { notWhole } from '../../../src/results/whole.ts';

const array = new Uint8Array(dump(Float64Array.from([1, 2, 3]), [3]));
const head = Buffer.from('{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}');
const length = Buffer.alloc(8);
length.writeBigUInt64LE(BigInt(head.length));
const objects = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n";

const samples: Readonly<Record<string, Uint8Array>> = {
  'a.npy': array,
  'a.npz': zipSync({ 'a.npy': array }),
  'model.pt': zipSync({ 'archive/data.pkl': new Uint8Array([0x80, 2]) }),
  'model.safetensors': Buffer.concat([length, head, Buffer.alloc(8)]),
};

describe('whether a file is whole', () => {
  let folder: string;
  const write = async (name: string, bytes: Uint8Array) => {
    await writeFile(join(folder, name), bytes);
    return join(folder, name);
  };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rpo-whole-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  for (const [name, bytes] of Object.entries(samples)) {
    it(`is seen of ${name}, cut off anywhere`, async () => {
      assert.equal(await notWhole(await write(name, bytes)), null);
      for (let end = 0; end < bytes.length; end++) {
        // A .pt that does not begin as a zip is an old pickle, which says nothing of its end.
        if (name === 'model.pt' && end === 1) continue;
        assert.notEqual(await notWhole(await write(name, bytes.slice(0, end))), null, `${end} of ${bytes.length} bytes`);
      }
    });
  }

  it('is not asked of formats that do not tell', async () => {
    assert.equal(await notWhole(await write('a.csv', Buffer.from('1,2'))), null);
    assert.equal(await notWhole(await write('old.pt', Buffer.from('\x80\x02.'))), null);
    const header = Buffer.from(objects);
    const npy = Buffer.concat([Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]), header, Buffer.from('pickle')]);
    assert.equal(await notWhole(await write('objects.npy', npy)), null);
  });

  it('is no secret of a hostile head', async () => {
    const huge = Buffer.alloc(64);
    huge.writeBigUInt64LE(0xffffffffffffn);
    assert.equal(await notWhole(await write('x.safetensors', huge)), 'it is cut off in its head');
    const noJson = Buffer.concat([length, Buffer.from('x'.repeat(head.length))]);
    assert.match((await notWhole(await write('y.safetensors', noJson))) ?? '', /JSON/);
  });
});
