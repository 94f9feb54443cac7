import assert from 'node:assert/strict';
import { isUserError, messageOf, throwIfCancelled, UserError } from '../../../src/core/errors.ts';

describe('UserError', () => {
  it('carries reason, sentence, cause and details', () => {
    const cause = new Error('ECONNREFUSED');
    const error = new UserError('unreachable', 'Nothing answers.', { cause, details: { port: 22 } });
    assert.ok(error instanceof Error);
    assert.equal(error.reason, 'unreachable');
    assert.equal(error.message, 'Nothing answers.');
    assert.equal(error.cause, cause);
    assert.deepEqual(error.details, { port: 22 });
  });

  it('has no cause and no details unless given', () => {
    const error = new UserError('timeout', 'Too slow.');
    assert.equal('cause' in error, false);
    assert.deepEqual(error.details, {});
  });
});

describe('isUserError', () => {
  it('tells by reason', () => {
    const error = new UserError('timeout', 'Too slow.');
    assert.equal(isUserError(error), true);
    assert.equal(isUserError(error, 'timeout'), true);
    assert.equal(isUserError(error, 'cancelled'), false);
  });

  it('knows one from another bundle, which is another class', () => {
    class UserErrorOfElsewhere extends Error {
      override readonly name = 'UserError';
      readonly reason = 'timeout';
    }
    assert.equal(isUserError(new UserErrorOfElsewhere('Too slow.'), 'timeout'), true);
  });

  it('takes nothing else for one', () => {
    for (const other of [new Error('x'), 'x', undefined, null, { name: 'UserError', reason: 'timeout' }])
      assert.equal(isUserError(other), false);
  });
});

describe('messageOf', () => {
  it('has a text for whatever was thrown', () => {
    assert.equal(messageOf(new Error('x')), 'x');
    assert.equal(messageOf('x'), 'x');
    assert.equal(messageOf(undefined), 'undefined');
  });
});

describe('throwIfCancelled', () => {
  it('throws only for a signal that is aborted', () => {
    throwIfCancelled(undefined, 'The upload');
    throwIfCancelled(new AbortController().signal, 'The upload');
    assert.throws(
      () => throwIfCancelled(AbortSignal.abort(), 'The upload'),
      (error) => isUserError(error, 'cancelled') && error.message === 'The upload was cancelled.',
    );
  });
});
