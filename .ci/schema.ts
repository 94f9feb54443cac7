// Writes the JSON schemas that the extension contributes: node --import tsx .ci/schema.ts
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaFiles } from '../src/project/jsonSchema.ts';

for (const [name, text] of Object.entries(schemaFiles())) writeFileSync(join(import.meta.dirname, '../media', name), text);
