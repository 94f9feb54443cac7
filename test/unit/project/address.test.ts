import assert from 'node:assert/strict';
import { isUserError } from '../../../src/core/errors.ts';
import { checkAddress } from '../../../src/project/address.ts';

describe('where a script says that its pod is', () => {
  it('may be a host alone, or all there is to say', () => {
    checkAddress({ host: '213.173.98.12' });
    checkAddress({
      host: 'fe80::1',
      port: 65535,
      user: 'root',
      identityFile: '~/.ssh/id_ed25519',
      hostKeys: 'off',
      remoteRoot: '/workspace/a b',
      workspace: '/data',
      projectRoot: '.',
      home: '/tmp',
      log: () => undefined,
    });
  });

  for (const [options, sentence] of [
    [{}, 'The option host must be the name or IP address of the machine alone, like 213.173.98.12, and it is missing.'],
    [
      { host: 'root@1.2.3.4' },
      'The option host must be the name or IP address of the machine alone, like 213.173.98.12, not "root@1.2.3.4".',
    ],
    [{ host: 'h', port: '22' }, 'The option port must be a whole number from 1 to 65535, not "22".'],
    [{ host: 'h', port: 0 }, 'The option port must be a whole number from 1 to 65535, not 0.'],
    [{ host: 'h', port: 65536 }, 'The option port must be a whole number from 1 to 65535, not 65536.'],
    [{ host: 'h', hostKeys: 'no' }, 'The option hostKeys must be "accept-new", "strict" or "off", not "no".'],
    [{ host: 'h', remoteRoot: 'p' }, 'The option remoteRoot must be an absolute path on the pod, like /workspace/project, not "p".'],
    [{ host: 'h', workspace: null }, 'The option workspace must be an absolute path on the pod, like /workspace/project, not null.'],
    [{ host: 'h', user: '' }, 'The option user must be a name, like root, not "".'],
  ] as const) {
    it(`is answered in one sentence: ${JSON.stringify(options)}`, () => {
      assert.throws(
        () => checkAddress(options),
        (error) => isUserError(error, 'bad-argument') && error.message === sentence,
      );
    });
  }
});
