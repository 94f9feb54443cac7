import { z } from 'zod';
import { podsSchema, projectSchema } from './schema.ts';

/** A JSON schema, as zod makes it. */
export type JsonSchema = z.core.JSONSchema.JSONSchema;

/** The zod schema as JSON schema of what a user writes (before defaults are filled in); draft 7, which VS Code's JSON editor speaks in full. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return tidy(z.toJSONSchema(schema, { io: 'input', target: 'draft-7' })) as JsonSchema;
}

/**
 * The two schema files that the extension contributes, file name below `media/` -> text.
 * `node --import tsx .ci/schema.ts` writes them; a test fails when they are stale.
 */
export function schemaFiles(): Readonly<Record<'runpod.schema.json' | 'pods.schema.json', string>> {
  return { 'runpod.schema.json': printed(projectSchema), 'pods.schema.json': printed(podsSchema) };
}

function printed(schema: z.ZodType): string {
  // VS Code's own words: both files are read with comments and trailing commas, so the editor must not mark them.
  return JSON.stringify({ allowComments: true, allowTrailingCommas: true, ...jsonSchemaOf(schema) }, null, 2) + '\n';
}

/** Leaves out what zod adds and nobody wrote: the largest safe integer as a limit on every whole number. */
function tidy(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(tidy);
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([, value]) => value !== Number.MAX_SAFE_INTEGER && value !== Number.MIN_SAFE_INTEGER)
      .map(([key, value]) => [key, tidy(value)]),
  );
}
