import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isUserError, type Reason, type UserError } from '../../src/core/errors.ts';
import { connectPod } from '../../src/pod/connect.ts';
import { knownHostName, lookUpHost } from '../../src/pod/hostKeys.ts';
import type { PodOptions, PodState } from '../../src/pod/pod.ts';
import { shownHostKey } from '../../src/pod/shownHostKey.ts';
import { optionsOfSshConfig } from '../../src/pod/sshConfig.ts';
import { generateKey } from '../../src/practice/practicePod.ts';
import { freePort } from '../../src/practice/sshd.ts';
import { FaultProxy } from './support/faultProxy.ts';
import { usePod, withPod } from './support/pod.ts';

async function failure(promise: Promise<unknown>, reason: Reason): Promise<UserError> {
  const error = await promise.then(
    () => assert.fail('it should have failed'),
    (caught: unknown) => caught,
  );
  assert.ok(isUserError(error, reason), `expected ${reason}, got ${String(error)}`);
  // Every sentence says what to do: at least a second sentence after what happened.
  if (reason !== 'cancelled') assert.match(error.message, /[.:] .+[.)]$/s);
  return error;
}

function listen(onConnection: Parameters<typeof createServer>[1]): Promise<{ readonly port: number; readonly server: Server }> {
  return new Promise((resolve) => {
    const server = createServer(onConnection as never);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({ port: typeof address === 'object' && address ? address.port : 0, server });
    });
  });
}

describe('connectPod', function () {
  this.timeout(30_000);
  const t = usePod();
  const run = async (options: Partial<PodOptions>) => {
    const pod = t.connect(options);
    try {
      return await pod.exec('echo here');
    } finally {
      pod.dispose();
    }
  };

  it('connects at the first call and tells its states', async () => {
    const states: PodState['kind'][] = [];
    t.pod.onState((state) => states.push(state.kind));
    assert.equal(t.pod.state.kind, 'idle');
    assert.equal((await t.pod.exec('echo here')).stdout, 'here\n');
    t.pod.dispose();
    assert.deepEqual(states, ['connecting', 'connected', 'closed']);
    await failure(t.pod.exec('true'), 'cancelled');
  });

  it("knows RunPod's proxy, which has no exec", () => {
    assert.throws(
      () => connectPod({ ...t.practice.podOptions, host: 'ssh.runpod.io' }),
      (error) => isUserError(error, 'interactive-only') && /exposed TCP/.test(error.message),
    );
  });

  it('tells a wrong port, a wrong name, silence and a server that is no SSH server apart', async () => {
    const refused = await failure(run({ port: await freePort() }), 'unreachable');
    assert.match(refused.message, /refuses connections/);
    const unknown = await failure(run({ host: 'no-such-host.invalid' }), 'unreachable');
    assert.match(unknown.message, /no-such-host\.invalid has no address/);
    const http = await listen((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const silent = await listen((socket) => socket.on('error', () => {}));
    try {
      assert.match((await failure(run({ port: http.port }), 'unreachable')).message, /not an SSH server/);
      assert.match(
        (await failure(run({ port: silent.port, connectTimeoutMs: 300 }), 'unreachable')).message,
        /did not answer as an SSH server/,
      );
    } finally {
      http.server.close();
      silent.server.close();
    }
  });

  it('can be cancelled while connecting', async () => {
    const silent = await listen((socket) => socket.on('error', () => {}));
    const pod = t.connect({ port: silent.port });
    const controller = new AbortController();
    const pending = pod.exec('true', { signal: controller.signal });
    setImmediate(() => controller.abort());
    await failure(pending, 'cancelled');
    pod.dispose();
    silent.server.close();
  });

  it('says which keys were refused', async () => {
    const other = join(t.tmp, 'other_key');
    await writeFile(other, generateKey().private, { mode: 0o600 });
    const error = await failure(run({ identityFile: other }), 'auth-failed');
    assert.match(error.message, /other_key/);
    assert.match(error.message, /SSH public keys/);
  });

  it('says what is wrong with a key file', async () => {
    const at = (name: string) => join(t.tmp, name);
    await failure(run({ identityFile: at('none') }), 'key-missing');
    await copyFile(t.practice.identityFile, at('open'));
    await chmod(at('open'), 0o644);
    assert.match((await failure(run({ identityFile: at('open') }), 'key-permissions')).message, /chmod 600/);
    await copyFile(`${t.practice.identityFile}.pub`, at('key.pub'));
    await chmod(at('key.pub'), 0o600);
    assert.match((await failure(run({ identityFile: at('key.pub') }), 'bad-argument')).message, /public key/);
    await writeFile(at('key.ppk'), 'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n', { mode: 0o600 });
    assert.match((await failure(run({ identityFile: at('key.ppk') }), 'bad-argument')).message, /PuTTYgen/);
    await writeFile(at('junk'), 'hello', { mode: 0o600 });
    await failure(run({ identityFile: at('junk') }), 'bad-argument');
  });

  it('asks for a passphrase, again when it was wrong, and takes no for an answer', async () => {
    const locked = join(t.tmp, 'locked');
    const pair = generateKey('open sesame');
    await writeFile(locked, pair.private, { mode: 0o600 });
    const keys = join(t.practice.folder, 'authorized_keys');
    const before = await readFile(keys, 'utf8');
    await writeFile(keys, `${before}${pair.public}\n`);
    try {
      const asked: boolean[] = [];
      const answers = ['wrong', 'open sesame'];
      const ask = (_file: string, retry: boolean) => {
        asked.push(retry);
        return Promise.resolve(answers.shift());
      };
      assert.equal((await run({ identityFile: locked, askPassphrase: ask })).stdout, 'here\n');
      assert.deepEqual(asked, [false, true]);
      await failure(run({ identityFile: locked, askPassphrase: ask }), 'key-passphrase');
      await failure(run({ identityFile: locked }), 'key-passphrase');
    } finally {
      await writeFile(keys, before);
    }
  });

  it('uses an agent', async function () {
    const socket = join(t.tmp, 'agent');
    let agent: string;
    try {
      agent = execFileSync('ssh-agent', ['-a', socket, '-s'], { encoding: 'utf8' });
    } catch {
      return this.skip(); // no OpenSSH client here; nothing of ours needs one
    }
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(agent)?.[1]);
    try {
      execFileSync('ssh-add', ['-q', t.practice.identityFile], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
      assert.equal((await run({ identityFile: undefined, agent: socket })).stdout, 'here\n');
    } finally {
      process.kill(pid);
    }
    return undefined;
  });

  describe('host keys', () => {
    it('remembers a new one, and refuses it when strict', async () => {
      const knownHostsFile = join(t.tmp, 'known_hosts');
      assert.match((await failure(run({ knownHostsFile, hostKeys: 'strict' }), 'host-key-unknown')).message, /rpo pods trust practice/);
      await run({ knownHostsFile });
      await run({ knownHostsFile, hostKeys: 'strict' });
      const { keys } = await lookUpHost(knownHostsFile, knownHostName('127.0.0.1', t.practice.port));
      assert.equal(keys.length, 1);
    });

    it('shows both fingerprints of a changed one, and trusts it when told to', async () => {
      await withPod({}, async ({ pod, practice }) => {
        await pod.exec('true');
        const before = await practice.hostFingerprint();
        pod.dispose();
        await practice.restart({ newHostKey: true });
        const again = connectPod(practice.podOptions);
        const error = await failure(again.exec('true'), 'host-key-changed');
        assert.ok(error.message.includes(before) && error.message.includes(await practice.hostFingerprint()));
        const shown = await shownHostKey(practice.podOptions);
        assert.deepEqual([shown.fingerprint, shown.remembered], [await practice.hostFingerprint(), [before]]);
        await shown.trust();
        assert.equal((await again.exec('echo ok')).stdout, 'ok\n');
        again.dispose();
      });
    });

    it('checks nothing when off, and writes nothing', async () => {
      const knownHostsFile = join(t.tmp, 'known_hosts');
      await run({ knownHostsFile, hostKeys: 'off' });
      await assert.rejects(readFile(knownHostsFile));
    });
  });

  describe('a lost connection', () => {
    it('is made again by itself, asking where the pod is now', async () => {
      await withPod({}, async ({ practice, connect }) => {
        let asked = 0;
        const locate = () => {
          asked++;
          return Promise.resolve({ host: practice.host, port: practice.port });
        };
        const pod = connect({ locate });
        const connectedAgain = new Promise<void>((resolve) => {
          let lost = false;
          pod.onState(({ kind }) => {
            lost ||= kind === 'reconnecting';
            if (lost && kind === 'connected') resolve();
          });
        });
        await pod.exec('true');
        await practice.restart({ port: await freePort() });
        await connectedAgain;
        assert.ok(asked > 0);
        assert.equal((await pod.exec('echo back')).stdout, 'back\n');
        pod.dispose();
      });
    });

    it('rejects what was under way; what comes next waits for the new connection', async () => {
      await withPod({}, async ({ pod, practice }) => {
        const running = pod.exec('echo started; sleep 1000', { onStdout: () => void practice.killConnections() });
        assert.match((await failure(running, 'connection-lost')).message, /The command may have run/);
        assert.equal((await pod.exec('echo back')).stdout, 'back\n');
      });
    });

    it('is given up after a while, and tried again by the next call', async () => {
      await withPod({}, async ({ practice, connect }) => {
        const pod = connect({ reconnectForMs: 300 });
        const lost = new Promise<void>((resolve) => pod.onState(({ kind }) => kind === 'lost' && resolve()));
        await pod.exec('true');
        await practice.goDown();
        await lost;
        await failure(pod.exec('true'), 'unreachable');
        await practice.restart();
        assert.equal((await pod.exec('echo back')).stdout, 'back\n');
        pod.dispose();
      });
    });

    it('is noticed when the line only goes silent', async () => {
      const proxy = await FaultProxy.start(t.practice.port);
      const pod = t.connect({ port: proxy.port, keepAliveMs: 100, reconnectForMs: 0, hostKeys: 'off' });
      try {
        const running = pod.exec('echo started; sleep 1000', { onStdout: () => (proxy.line.blackHole = true) });
        await failure(running, 'connection-lost');
      } finally {
        pod.dispose();
        await proxy.stop();
      }
    });
  });

  describe('aliases of ~/.ssh/config', () => {
    let folder: string;
    beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'rpo-ssh-'))));
    afterEach(() => rm(folder, { recursive: true, force: true }));

    it('reads host, port, user, key and includes, and never runs a Match exec', async () => {
      const config = join(folder, 'config');
      const proof = join(folder, 'ran');
      await writeFile(join(folder, 'more.conf'), `Host gpu\n  HostName 127.0.0.1\n  Port ${t.practice.port}\n`);
      await writeFile(
        config,
        `Include ${folder}/*.conf\nMatch exec "touch ${proof}"\n  User wrong\nHost gpu other\n  User ${t.practice.user}\n  IdentityFile "${t.practice.identityFile}"\n  IdentityAgent none\n`,
      );
      const options = await optionsOfSshConfig('gpu', config);
      assert.deepEqual([options.host, options.port, options.user, options.agent], ['127.0.0.1', t.practice.port, t.practice.user, false]);
      await assert.rejects(readFile(proof));
      const pod = connectPod({ ...options, knownHostsFile: join(folder, 'known_hosts') });
      assert.equal((await pod.exec('echo alias')).stdout, 'alias\n');
      pod.dispose();
      await failure(optionsOfSshConfig('nowhere', config), 'not-configured');
    });

    it('goes through a jump host', async () => {
      const config = join(folder, 'config');
      const key = `IdentityFile ${t.practice.identityFile}\n  IdentityAgent none\n  User ${t.practice.user}`;
      await writeFile(
        config,
        `Host inner\n  HostName 127.0.0.1\n  Port ${t.practice.port}\n  ProxyJump door\n  ${key}\nHost door\n  HostName 127.0.0.1\n  Port ${t.practice.port}\n  ${key}\n`,
      );
      const pod = connectPod({ ...(await optionsOfSshConfig('inner', config)), knownHostsFile: join(folder, 'known_hosts') });
      assert.equal((await pod.exec('echo through')).stdout, 'through\n');
      pod.dispose();
      await writeFile(config, 'Host odd\n  ProxyCommand nc %h %p\n');
      await failure(optionsOfSshConfig('odd', config), 'unsupported');
    });
  });
});
