import assert from 'node:assert/strict';
import { isUserError, UserError } from '../../../src/core/errors.ts';
import type { Call, OperationContext, OperationEvent } from '../../../src/operations/operation.ts';
import { retrain } from '../../../src/operations/retrain.ts';
import type { Orchestrator, RetrainOptions } from '../../../src/orchestrator.ts';
import type { PipelineView } from '../../../src/pipeline/pipeline.ts';

const job = { label: 'rf', run: 'r1', seconds: 5, accuracy: 0.9, summary: '6 rows.', hints: [] };
const view: PipelineView = {
  id: '20261124-100000-pipeline-8000',
  state: 'running',
  startedAt: '2026-11-24T10:00:00Z',
  rounds: 1,
  stages: [
    { name: 'base', state: 'succeeded', jobs: [{ ...job, key: 'base/rf', state: 'succeeded' }] },
    { name: 'deep', state: 'running', jobs: [{ ...job, key: 'deep/cnn', label: 'cnn', state: 'running', accuracy: null, summary: '' }] },
  ],
};

/** A pipeline that gets as far as `view` and then ends so. */
async function driven(error: Error) {
  const events: OperationEvent[] = [];
  const call: Call = { signal: new AbortController().signal, progress: () => undefined, emit: (event) => events.push(event) };
  const orchestrator = {
    pipelines: {
      retrain: async ({ onChange }: RetrainOptions) => {
        onChange?.(view);
        throw error;
      },
    },
  } as unknown as Orchestrator;
  const context = { projectRoot: '/p', home: undefined, ports: {}, orchestrator: async () => orchestrator } as OperationContext;
  const outcome = await retrain.handle(context, retrain.input.parse({ deploy: 'none' }), call).then(
    (output) => ({ output }),
    (thrown: unknown) => ({ thrown }),
  );
  return { ...outcome, notes: events.flatMap((event) => (event.kind === 'note' ? [event.text] : [])) };
}

describe('a pipeline that is cut off', () => {
  it('by a pod that is gone names the way to go on, and shows what was done', async () => {
    const { thrown, notes } = (await driven(new UserError('connection-lost', 'The pod cannot be reached any more.'))) as {
      thrown?: unknown;
      notes: string[];
    };
    assert.ok(isUserError(thrown, 'connection-lost'));
    assert.match(thrown.message, /^The pod cannot be reached any more\. .*`rpo retrain --resume 20261124-100000-pipeline-8000`/);
    assert.match(notes.at(-1) ?? '', /✓ base +rf +5\.0 s +90\.0%[\s\S]*› deep +cnn/);
  });

  it('by whoever watched it is an answer', async () => {
    const { output } = (await driven(new UserError('cancelled', 'Enough.'))) as { output?: Record<string, unknown> };
    assert.equal(output?.['state'], 'running');
  });
});
