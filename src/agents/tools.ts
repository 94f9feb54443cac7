import { z } from 'zod';
import type { Operation } from '../operations/operation.ts';
import { toolName } from '../operations/table.ts';

/** A JSON schema of an object. */
export type ObjectSchema = { readonly type: 'object'; readonly properties?: Readonly<Record<string, unknown>> } & Readonly<
  Record<string, unknown>
>;

/** An operation as agents' programs are told of it: MCP's tools and the editor's are made from this. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: ObjectSchema;
  readonly output: ObjectSchema;
  readonly annotations: {
    readonly readOnlyHint: boolean;
    readonly destructiveHint: boolean;
    readonly idempotentHint: boolean;
    readonly openWorldHint: boolean;
  };
}

/** Every answer may have it: see AgentCaller. */
const shortened = z.array(z.string()).optional().describe('What was cut here for its size; absent: nothing.');

/** Operations that do no more when they are called twice. */
const idempotent = ['deploy', 'upload', 'download', 'download_results', 'stop_run'];

export function toolOf(record: Operation): Tool {
  const name = toolName(record);
  return {
    name,
    title: record.title,
    description: record.description.replaceAll('`train`', '`start_training`').replaceAll('`results`', '`download_results`'),
    input: schemaOf(record.input, 'input'),
    output: schemaOf(record.output.extend({ shortened }), 'output'),
    annotations: {
      readOnlyHint: record.effect === 'read',
      destructiveHint: record.effect === 'destroy',
      idempotentHint: record.effect === 'read' || idempotent.includes(name),
      // Pods are the person's own machines, not the open web.
      openWorldHint: false,
    },
  };
}

function schemaOf(schema: z.ZodObject, io: 'input' | 'output'): ObjectSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io }) as Record<string, unknown>;
  return slim(rest) as ObjectSchema;
}

/**
 * Without what says nothing to an agent: the range of numbers that JavaScript counts exactly, and that answers hold no more than their fields. What may be null is told as
 * one of two types, since not every client knows lists of types.
 */
function slim(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(slim);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).flatMap(([name, one]: [string, unknown]) =>
    (name === 'maximum' && one === Number.MAX_SAFE_INTEGER) ||
    (name === 'minimum' && one === Number.MIN_SAFE_INTEGER) ||
    (name === 'additionalProperties' && one === false) ||
    (name === 'propertyNames' && JSON.stringify(one) === '{"type":"string"}')
      ? []
      : [[name, slim(one)] as const],
  );
  const { type, description, ...rest } = Object.fromEntries(entries);
  if (!Array.isArray(type)) return Object.fromEntries(entries);
  const anyOf = type.map((each: unknown) => (each === 'null' ? { type: each } : { type: each, ...rest }));
  return { anyOf, ...(description === undefined ? {} : { description }) };
}
