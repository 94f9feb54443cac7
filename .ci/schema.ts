// Writes what the extension contributes and the code knows: the JSON schemas, and the language model tools in package.json. node --import tsx .ci/schema.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { languageModelTools, limitsProperties } from '../src/agents/contributed.ts';
import { schemaFiles } from '../src/project/jsonSchema.ts';

const root = join(import.meta.dirname, '..');
for (const [name, text] of Object.entries(schemaFiles())) writeFileSync(join(root, 'media', name), text);

const file = join(root, 'package.json');
const manifest = JSON.parse(readFileSync(file, 'utf8')) as {
  contributes: { languageModelTools: unknown; configuration: { properties: { 'runpod.agents.limits': { properties: unknown } } } };
};
manifest.contributes.languageModelTools = languageModelTools();
manifest.contributes.configuration.properties['runpod.agents.limits'].properties = limitsProperties();
writeFileSync(file, JSON.stringify(manifest, null, 2) + '\n');
