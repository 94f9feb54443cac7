import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { languageModelTools, limitsProperties } from '../../../src/agents/contributed.ts';
import { plans } from '../../../src/agents/plans.ts';
import { toolOf } from '../../../src/agents/tools.ts';
import { mcpProvider } from '../../../src/manifest.ts';
import { agentOperations } from '../../../src/operations/table.ts';

interface Package {
  readonly contributes: {
    readonly languageModelTools: unknown;
    readonly mcpServerDefinitionProviders: readonly { readonly id: string }[];
    readonly configuration: { readonly properties: Readonly<Record<string, { readonly properties?: unknown }>> };
  };
}

const { contributes } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8')) as Package;
/** As JSON has it: without what is undefined. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('what package.json offers agents', () => {
  it('are the operations of the table', () => {
    const help = 'package.json is stale. Run: node --import tsx .ci/schema.ts';
    assert.deepEqual(contributes.languageModelTools, plain(languageModelTools()), help);
    assert.deepEqual(contributes.configuration.properties['runpod.agents.limits']?.properties, plain(limitsProperties()), help);
  });

  it('is a server under the id that the code registers', () => {
    assert.deepEqual(
      contributes.mcpServerDefinitionProviders.map(({ id }) => id),
      [mcpProvider],
    );
  });

  it('leaves room in the context of who reads it', () => {
    const descriptions = agentOperations.map((record) => toolOf(record).description).join('').length;
    assert.ok(descriptions < 6_000, String(descriptions));
  });
});

describe('what a person is asked before an agent acts', () => {
  it('is known for every operation that changes something', () => {
    const changing = agentOperations.filter(({ effect }) => effect !== 'read').map(({ name }) => name);
    assert.deepEqual(Object.keys(plans).sort(), changing.sort());
  });
});
