import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isUserError, type Reason } from '../../../src/core/errors.ts';
import { podEntrySchema } from '../../../src/project/schema.ts';
import { parseSshLine } from '../../../src/project/sshLine.ts';

describe('a pasted SSH line', () => {
  const direct = { host: '213.173.98.12', port: 12345, user: 'root', identityFile: '~/.ssh/id_ed25519' };
  const { identityFile: _, ...noKey } = direct;
  const good: readonly (readonly [line: string, entry: unknown, name: string, ignored?: readonly string[]])[] = [
    ['ssh root@213.173.98.12 -p 12345 -i ~/.ssh/id_ed25519', direct, 'pod-12345'],
    ['  $ ssh root@213.173.98.12 -p 12345 -i ~/.ssh/id_ed25519 \n\n', direct, 'pod-12345'],
    ['me@box:~/x$ ssh root@213.173.98.12 -p 12345 -i ~/.ssh/id_ed25519', direct, 'pod-12345'],
    ['SSH over exposed TCP\nssh root@213.173.98.12 -p 12345 -i ~/.ssh/id_ed25519\nNo SSH key?', direct, 'pod-12345'],
    ['ssh root@213.173.98.12 \\\n  -p 12345 -i ~/.ssh/id_ed25519', direct, 'pod-12345'],
    ['```\nssh root@213.173.98.12 -p 12345\n```', noKey, 'pod-12345'],
    ['ssh -p 12345 root@213.173.98.12', noKey, 'pod-12345'],
    ['ssh -tp12345 -A root@213.173.98.12 nvidia-smi -l 1', noKey, 'pod-12345', ['-A', 'the command `nvidia-smi -l 1`']],
    ['ssh -L 8888:localhost:8888 root@213.173.98.12 -p 12345', noKey, 'pod-12345', ['-L 8888:localhost:8888']],
    ['ssh -o StrictHostKeyChecking=no -o "Port 12345" -oUser=root 213.173.98.12', noKey, 'pod-12345', ['-o StrictHostKeyChecking=no']],
    ['/usr/bin/ssh -l root -p 12345 213.173.98.12', noKey, 'pod-12345'],
    [
      'PS C:\\Users\\me> ssh.exe root@213.173.98.12 -p 12345 -i "C:\\Users\\me\\my key"',
      { ...noKey, identityFile: 'C:\\Users\\me\\my key' },
      'pod-12345',
    ],
    ['root@213.173.98.12:12345', noKey, 'pod-12345'],
    [' 7h9k2m4n6p\n', { podId: '7h9k2m4n6p' }, '7h9k2m4n6p'],
    ['7h9k2m4n6p -i ~/.ssh/k', { podId: '7h9k2m4n6p', identityFile: '~/.ssh/k' }, '7h9k2m4n6p'],
    ['213.173.98.12:12345', { host: '213.173.98.12', port: 12345 }, 'pod-12345'],
    ['ssh://root@213.173.98.12:12345/', noKey, 'pod-12345'],
    ['ssh root@gpu.example.com', { host: 'gpu.example.com', user: 'root' }, 'gpu'],
    ['root@1.2.3.4', { host: '1.2.3.4', user: 'root' }, 'pod-1-2-3-4'],
    ['ssh root@2001:db8::1 -p 22', { host: '2001:db8::1', port: 22, user: 'root' }, 'pod-22'],
    ['root@[2001:db8::1]:2222', { host: '2001:db8::1', port: 2222, user: 'root' }, 'pod-2222'],
    ['ssh root@2001:db8::1', { host: '2001:db8::1', user: 'root' }, 'pod-2001-db8-1'],
    ['ssh mypod', { sshConfigHost: 'mypod' }, 'mypod'],
    ['ssh localhost -p 2200', { host: 'localhost', port: 2200 }, 'localhost'],
  ];
  for (const [line, entry, name, ignored = []] of good) {
    it(`is read: ${JSON.stringify(line)}`, () => {
      const parsed = parseSshLine(line);
      assert.deepEqual(parsed, { entry, name, ignored });
      assert.deepEqual(podEntrySchema.parse(parsed.entry), entry);
    });
  }

  const bad: readonly (readonly [string, Reason, RegExp])[] = [
    ['ssh abc123-64410f6e@ssh.runpod.io -i ~/.ssh/id_ed25519', 'interactive-only', /Connect, .*"SSH over exposed TCP".*exposed TCP ports/],
    ['ssh -J bastion root@10.0.0.1', 'unsupported', /~\/\.ssh\/config/],
    ['ssh root@1.2.3.4 -p 2 -i ~/.ssh/id_rsa.pub', 'bad-argument', /public half.*private key instead: -i ~\/\.ssh\/id_rsa\.$/],
    ['', 'bad-argument', /Nothing was pasted; expected a line like/],
    ['hello', 'bad-argument', /^"hello" is not an SSH line; expected a line like "ssh root@/],
    ['hello world, how are you?', 'bad-argument', /expected a line like/],
    ['ssh', 'bad-argument', /expected a line like/],
    ['ssh -p 22', 'bad-argument', /there is no address/],
    ['ssh root@1.2.3.4 -p', 'bad-argument', /-p has no value/],
    ['ssh root@1.2.3.4 -p 70000', 'bad-argument', /"70000" is not a port from 1 to 65535/],
    ['ssh root@1.2.3.4 -p abc', 'bad-argument', /"abc" is not a port/],
    ['root@1.2.3.4:', 'bad-argument', /"" is not a port/],
    ['ssh root@1.2.3.400 -p 2', 'bad-argument', /1\.2\.3\.400 is not an IP address/],
    ['ssh root@ -p 2', 'bad-argument', /"" is not a host/],
    ['ssh root@a;id -p 2', 'bad-argument', /not a host/],
    ['ssh "root@1.2.3.4', 'bad-argument', /a quote is not closed/],
    ['ssh --help root@1.2.3.4', 'bad-argument', /not an option of ssh/],
    ['scp -P 22 a root@1.2.3.4:/x', 'bad-argument', /expected a line like/],
    ['x'.repeat(5000), 'bad-argument', /^"x{77}\.\.\."/],
  ];
  for (const [line, reason, pattern] of bad) {
    it(`is refused: ${JSON.stringify(line).slice(0, 60)}`, () =>
      assert.throws(
        () => parseSshLine(line),
        (error) => {
          assert.ok(isUserError(error, reason), String(error));
          assert.match(error.message, pattern);
          return true;
        },
      ));
  }

  it('is an entry or a sentence, whatever was pasted', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom('ssh ', '-p ', '22', 'root@', '1.2.3.4', '-o ', '"', '\\', '\n', '::1', '[', ']:', '-'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        try {
          podEntrySchema.parse(parseSshLine(pieces.join('')).entry);
        } catch (error) {
          assert.ok(isUserError(error), String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
