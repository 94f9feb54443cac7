import assert from 'node:assert/strict';
import { isUserError, type Reason } from '../../../src/core/errors.ts';
import { findApiKey, keyInConfig } from '../../../src/cloud/apiKey.ts';
import { podAddress } from '../../../src/cloud/podAddress.ts';
import { FakeRunpod, fakeKey, fakePodId } from '../../pod/support/fakeRunpod.ts';

const direct = { host: '195.26.233.3', port: 34446, username: 'root' };

describe("a pod's address, asked of a fake of RunPod's API", () => {
  let runpod: FakeRunpod;
  before(async () => (runpod = await FakeRunpod.start()));
  beforeEach(() => {
    runpod.refuse = undefined;
    runpod.pod = { status: 'RUNNING', direct };
  });
  after(() => runpod.stop());
  const ask = (id = fakePodId, key = fakeKey) => podAddress(id, { key, from: 'RUNPOD_API_KEY' }, runpod.url);
  const refused = (promise: Promise<unknown>, reason: Reason, message: RegExp) =>
    assert.rejects(promise, (error) => {
      assert.ok(isUserError(error, reason), String(error));
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /rpa_/);
      return true;
    });

  it('is the published port 22', async () => {
    assert.deepEqual(await ask(), { host: '195.26.233.3', port: 34446, user: 'root' });
  });

  it('is refused with what to do: key, pod, rate, server', async () => {
    await refused(ask(fakePodId, 'rpa_WRONG'), 'auth-failed', /does not accept the API key in RUNPOD_API_KEY/);
    await refused(ask('gone1'), 'not-configured', /no pod gone1 .* terminated/);
    runpod.refuse = { status: 429, title: 'Too Many Requests', headers: { 'retry-after': '12' } };
    await refused(ask(), 'unreachable', /Try again in 12 s/);
    runpod.refuse = { status: 503, title: 'Service Unavailable' };
    await refused(ask(), 'unreachable', /HTTP 503/);
    await refused(podAddress('a1', { key: 'k', from: 'x' }, 'http://127.0.0.1:1'), 'unreachable', /cannot be asked/);
  });

  it('is not there for a pod that does not run, or publishes no port 22', async () => {
    runpod.pod = { status: 'EXITED', direct: null };
    await refused(ask(), 'unreachable', /not running: RunPod calls it EXITED\. Start it/);
    runpod.pod = { status: 'STARTING', direct: null };
    await refused(ask(), 'unreachable', /still starting/);
    runpod.pod = { status: 'RUNNING', direct: null };
    await refused(ask(), 'interactive-only', /port 22 is not published/);
  });
});

describe('the API key', () => {
  it("is found in both shapes of RunPod's file", () => {
    assert.equal(keyInConfig('apikey = "rpa_A"\napiurl = "https://api.runpod.io/graphql"\n'), 'rpa_A');
    assert.equal(keyInConfig('[default]\napi_key = "rpa_B"\n'), 'rpa_B');
    for (const none of ['', '[default]\n', 'apikey = ""', 'apikey = 1', 'not toml = = =']) assert.equal(keyInConfig(none), undefined, none);
  });

  it('is taken from the environment before the file, and asked for last', async () => {
    const nowhere = '/nowhere/config.toml';
    assert.equal((await findApiKey(undefined, { RUNPOD_API_KEY: ' k ' }, nowhere)).key, 'k');
    assert.equal((await findApiKey(async () => Promise.resolve('asked'), {}, nowhere)).key, 'asked');
    await assert.rejects(
      findApiKey(undefined, {}, nowhere),
      (error) => isUserError(error, 'not-configured') && /API Keys/.test(error.message),
    );
  });
});
