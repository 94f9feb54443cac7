import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaFiles } from '../../../src/project/jsonSchema.ts';
import { type ProjectConfig, projectSchema } from '../../../src/project/schema.ts';

interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly anyOf?: readonly Schema[];
  readonly maximum?: number;
}

const read = (name: keyof ReturnType<typeof schemaFiles>) => JSON.parse(schemaFiles()[name]) as Schema;

describe('JSON schemas', () => {
  for (const [name, text] of Object.entries(schemaFiles())) {
    it(`media/${name} is what the code says`, () => {
      const committed = readFileSync(join(import.meta.dirname, '../../../media', name), 'utf8');
      assert.ok(committed === text, `media/${name} is stale. Run: node --import tsx .ci/schema.ts`);
    });
  }

  it('describe every property, for completion', () => {
    const bare: string[] = [];
    const walk = (schema: Schema, path: string): void => {
      for (const [key, property] of Object.entries(schema.properties ?? {})) {
        if (property.description === undefined && key !== '$schema') bare.push(`${path}.${key}`);
        walk(property, `${path}.${key}`);
      }
      if (typeof schema.additionalProperties === 'object') walk(schema.additionalProperties, `${path}.*`);
      schema.anyOf?.forEach((option, index) => walk(option, `${path}|${index}`));
    };
    walk(read('runpod.schema.json'), 'runpod');
    walk(read('pods.schema.json'), 'pods');
    assert.deepEqual(bare, []);
  });

  it('speak of what is written, not of what is filled in: nothing is required, defaults are named', () => {
    const schema = read('runpod.schema.json');
    assert.equal(schema.required, undefined);
    const defaults: ProjectConfig = projectSchema.parse({});
    assert.deepEqual(schema.properties?.['logs']?.default, defaults.logs);
    assert.deepEqual(schema.properties?.['train']?.properties?.['seed']?.default, defaults.train.seed);
    assert.equal(schema.properties?.['train']?.properties?.['seed']?.maximum, undefined);
    assert.equal(schema.additionalProperties, false);
  });
});
