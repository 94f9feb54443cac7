import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { diagnose, type Diagnosis } from '../../src/pod/diagnose.ts';
import { hostKeyOf, rememberHostKey } from '../../src/pod/hostKeys.ts';
import { utils } from 'ssh2';
import { generateKey } from '../../src/practice/practicePod.ts';
import { usePod, withPod } from './support/pod.ts';
import { rpo } from './support/rpo.ts';

const verdicts = ({ steps }: Diagnosis) => steps.map(({ id, status }) => `${id} ${status}`).join(', ');

/** A plain TCP server, which is no sshd. */
async function listening(greeting: string | null, run: (port: number) => Promise<void>): Promise<void> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    if (greeting !== null) socket.write(greeting);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  try {
    await run(typeof address === 'object' && address ? address.port : 0);
  } finally {
    server.close();
  }
}

describe('testing a connection step by step', () => {
  const t = usePod();

  it('tells what each step came to when all is well, in the terminal too', async () => {
    const { ok, steps, ...rest } = await diagnose(t.practice.podOptions);
    assert.equal(
      verdicts({ ok, steps, ...rest }),
      'dns skipped, tcp passed, banner passed, kex passed, host-key passed, auth passed, session passed',
    );
    assert.ok(ok);
    assert.match(steps[2]?.seen ?? '', /^SSH-2\.0-OpenSSH/);
    assert.match(steps[3]?.seen ?? '', /aes128-gcm/);
    assert.match(steps[4]?.seen ?? '', /SHA256:\S+, (known|new)/);
    assert.ok(steps.slice(1).every(({ milliseconds }) => milliseconds !== null));
    const named = await diagnose({ ...t.practice.podOptions, host: 'localhost', hostKeys: 'off' });
    assert.match(named.steps[0]?.seen ?? '', /localhost is .*127\.0\.0\.1/);
    assert.ok(named.ok, JSON.stringify(named.steps));

    const options = { cwd: t.tmp, home: join(t.tmp, 'home') };
    const { host, port, user, identityFile } = t.practice;
    await rpo(['pods', 'add', `ssh ${user}@${host} -p ${port} -i ${identityFile}`, '--name', 'p'], options);
    const shown = await rpo(['test'], options);
    assert.equal(shown.exitCode, 0, shown.stderr);
    assert.match(shown.stdout, /✓ Authentication +\S+ ms +with .*\n✓ Session .*\np \(.*\) can be reached and used/);
    await rpo(['pods', 'add', `ssh ${user}@${host} -p 1 -i ${identityFile}`, '--name', 'q'], options);
    const refused = await rpo(['test', 'q'], options);
    assert.equal(refused.exitCode, 1);
    assert.match(
      refused.stdout,
      /✗ TCP connection .*refuses connections: nothing listens there\.\n {4}The pod may be stopped.*\n- SSH banner +not reached/,
    );
  });

  it('stops at a port where nothing listens', async () => {
    const diagnosis = await diagnose({ ...t.practice.podOptions, port: 1 });
    assert.match(verdicts(diagnosis), /^dns skipped, tcp failed, banner skipped, .*session skipped$/);
    assert.equal(diagnosis.ok, false);
  });

  it('stops at a name that has no address', async () => {
    const diagnosis = await diagnose({ ...t.practice.podOptions, host: 'no-such-pod.invalid' });
    assert.match(verdicts(diagnosis), /^dns failed, tcp skipped/);
  });

  it('stops at a server that says nothing, and at one of another kind', async () => {
    await listening(null, async (port) => {
      const { steps } = await diagnose({ ...t.practice.podOptions, port, connectTimeoutMs: 500 });
      assert.equal(verdicts({ steps, ok: false, address: '' }).split(', ')[2], 'banner failed');
      assert.match(steps[2]?.seen ?? '', /said nothing like SSH for 500 milliseconds/);
      assert.match(steps[2]?.advice ?? '', /the one mapped to 22/);
    });
    await listening('HTTP/1.1 400 Bad Request\r\n\r\n', async (port) => {
      const { steps } = await diagnose({ ...t.practice.podOptions, port });
      assert.match(steps[2]?.seen ?? '', /is not an SSH server: it says "HTTP\/1\.1 400 Bad Request"/);
    });
  });

  it('stops at a host key that is not the one remembered', async () => {
    const knownHostsFile = join(t.tmp, 'known_hosts');
    const other = utils.parseKey(generateKey().public);
    assert.ok(!(other instanceof Error));
    const { host, port } = t.practice;
    await rememberHostKey(knownHostsFile, `[${host}]:${port}`, hostKeyOf(other.getPublicSSH()));
    const diagnosis = await diagnose({ ...t.practice.podOptions, knownHostsFile, hostKeys: 'accept-new' });
    assert.match(verdicts(diagnosis), /kex passed, host-key failed, auth skipped/);
    assert.match(diagnosis.steps[4]?.advice ?? '', /rpo pods trust/);
  });

  it('stops at a key that the pod does not know, and at one that is not there', async () => {
    const identityFile = join(t.tmp, 'other_key');
    await writeFile(identityFile, generateKey().private, { mode: 0o600 });
    const refused = await diagnose({ ...t.practice.podOptions, identityFile, agent: false });
    assert.match(verdicts(refused), /host-key passed, auth failed, session skipped/);
    assert.match(refused.steps[5]?.advice ?? '', /refused .*other_key.*Add the matching public key/);
    const missing = await diagnose({ ...t.practice.podOptions, identityFile: join(t.tmp, 'none'), agent: false });
    assert.match(verdicts(missing), /host-key passed, auth failed, session skipped/);
    assert.match(missing.steps[5]?.seen ?? '', /none is not there/);
  });

  it('stops at a machine that runs no commands', () =>
    withPod({ forceCommand: 'internal-sftp' }, async ({ practice }) => {
      const diagnosis = await diagnose({ ...practice.podOptions, connectTimeoutMs: 3_000 });
      assert.match(verdicts(diagnosis), /auth passed, session failed$/);
      assert.match(diagnosis.steps[6]?.seen ?? '', /runs no commands/);
    }));
});
