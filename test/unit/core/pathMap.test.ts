import assert from 'node:assert/strict';
import { posix, win32 } from 'node:path';
import fc from 'fast-check';
import { PathMap } from '../../../src/core/pathMap.ts';

const here = new PathMap('/home/ann/moola', '/workspace/moola', 'posix');
const windows = new PathMap('C:\\work\\moola', '/workspace/moola', 'win32');

describe('the two homes of a path', () => {
  it('maps files of the project both ways', () => {
    assert.equal(here.toRemote('/home/ann/moola/src/a b.py'), '/workspace/moola/src/a b.py');
    assert.equal(here.toLocal('/workspace/moola/src/a b.py'), '/home/ann/moola/src/a b.py');
    assert.equal(windows.toRemote('C:\\work\\moola\\src\\a.py'), '/workspace/moola/src/a.py');
    assert.equal(windows.toLocal('/workspace/moola/src/a.py'), 'C:\\work\\moola\\src\\a.py');
  });

  it('takes relative paths from the project on either side', () => {
    assert.equal(here.toRemote('src/a.py'), '/workspace/moola/src/a.py');
    assert.equal(here.toLocal('./src/a.py'), '/home/ann/moola/src/a.py');
  });

  it('has no place for what lies outside', () => {
    for (const path of ['/home/ann/moola2/a.py', '/etc/passwd', '../x', '/home/ann/moola/../secret'])
      assert.equal(here.toRemote(path), null, path);
    for (const path of ['D:\\work\\moola\\a.py', 'C:\\work\\other', '..\\x']) assert.equal(windows.toRemote(path), null, path);
    for (const path of ['/workspace/moola2/a.py', '/workspace', '../../etc/passwd']) assert.equal(here.toLocal(path), null, path);
  });

  it('takes no short cut to another answer than resolving gives', () => {
    const parts = fc.array(fc.constantFrom('a', 'b c', '.', '..', '', '...', '.x', '..y', '\n'), { maxLength: 6 });
    const below = (root: string, path: string) => {
      const relative = posix.relative(root, posix.resolve(root, path));
      return relative === '..' || relative.startsWith('../') ? null : relative;
    };
    fc.assert(
      fc.property(fc.constantFrom('/w/x', '/w/x/', '/'), fc.constantFrom('', '/', '/w/x/', '/w/xy/'), parts, (root, start, names) => {
        const path = start + names.join('/');
        const map = new PathMap(root, root, 'posix');
        assert.equal(map.relativeOfLocal(path), below(root, path));
        assert.equal(map.relativeOfRemote(path), below(root, path));
        const relative = names.join('/');
        const isPlain = relative === '' || names.every((name) => name !== '' && name !== '.' && name !== '..');
        assert.equal(map.join(relative), isPlain ? posix.join(root, relative) : null);
      }),
    );
  });

  it('keeps a name that only begins with dots', () => {
    assert.equal(here.toRemote('..data/a'), '/workspace/moola/..data/a');
    assert.equal(here.toLocal('/workspace/moola/...'), '/home/ann/moola/...');
  });

  it('refuses names that Windows would read as something else', () => {
    for (const name of ['a\\b', 'c:x', 'nul', 'NUL.txt', 'com1', 'dot.', 'space ', 'q?'])
      assert.equal(windows.toLocal(`/workspace/moola/${name}`), null, name);
  });

  it('maps there and back to the same file, whatever it is called', () => {
    const segment = fc.string({ unit: 'binary', minLength: 1 }).filter((part) => !/[/\0]/.test(part) && part !== '.' && part !== '..');
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (parts) => {
        const local = posix.join('/home/ann/moola', ...parts);
        const remote = here.toRemote(local);
        assert.equal(remote, posix.join('/workspace/moola', ...parts));
        assert.equal(here.toLocal(remote ?? ''), local);
      }),
    );
  });

  it('never leads out of the local folder, whatever the pod calls its files', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(here, windows), (name, map) => {
        const local = map.toLocal(name.startsWith('/') ? name : `/workspace/moola/${name}`);
        if (local === null) return;
        const path = map === windows ? win32 : posix;
        const relative = path.relative(map.localRoot, local);
        assert.ok(!relative.startsWith('..' + path.sep) && relative !== '..' && !path.isAbsolute(relative), JSON.stringify(local));
      }),
    );
  });
});
