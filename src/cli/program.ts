import { resolve } from 'node:path';
import { Argument, Command, CommanderError, Option } from 'commander';
import { UserError } from '../core/errors.ts';
import type { Operation } from '../operations/operation.ts';
import { type Field, fieldsOf, lineOf, parseInput, valueOf } from './flags.ts';

/** Flags that every verb has. */
export interface GlobalFlags {
  readonly project?: string;
  readonly pod?: string;
  readonly home?: string;
  readonly json?: boolean;
}

/** A verb made by hand, beside those of the table. */
export interface ExtraVerb {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly options?: readonly (readonly [flags: string, description: string])[];
  run(flags: GlobalFlags & Readonly<Record<string, unknown>>): Promise<void>;
}

export type RunOperation = (record: Operation, input: Readonly<Record<string, unknown>>, flags: GlobalFlags) => Promise<void>;

const globals: readonly (readonly [flags: string, description: string])[] = [
  ['--project <dir>', 'the project (default: the nearest folder upwards with a runpod.json, else the current one)'],
  ['--pod <name>', 'the pod (default: the selected one)'],
  ['--home <dir>', 'where pods.json is (default: $RPO_HOME, else ~/.runpod)'],
  ['--json', 'one JSON object a line on stdout'],
];

/** The whole command line, made from the table. */
export function buildProgram(table: readonly Operation[], run: RunOperation, extras: readonly ExtraVerb[], version: string): Command {
  const program = new Command('rpo')
    .description('Fix a file, put it on the pod, train, see what broke at the local line, fix again, fetch the results.')
    .version(version, '-V, --version')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureHelp({ subcommandTerm: (command) => `${command.name()} ${command.registeredArguments.map(argumentTerm).join(' ')}`.trim() })
    .addHelpText('after', '\n`rpo VERB --help` tells more. Start with `rpo demo`: it needs no pod.');
  for (const [flags, description] of globals) program.addOption(new Option(flags, description));
  // Groups first, so that `pods add` finds `pods`.
  const verbs = table.filter(({ audience }) => audience !== 'agents');
  for (const record of verbs.sort((a, b) => a.name.split(' ').length - b.name.split(' ').length)) addVerb(program, record, run);
  for (const group of program.commands.filter(({ commands }) => commands.length > 0))
    group.summary(`${group.summary()}; ${group.commands.map((command) => command.name()).join(', ')}`);
  for (const extra of extras) {
    const command = program.command(extra.name).summary(extra.summary).description(extra.description);
    for (const [flags, description] of extra.options ?? []) command.addOption(new Option(flags, description));
    addGlobals(command);
    command.action(async () => extra.run(command.optsWithGlobals<GlobalFlags & Record<string, unknown>>()));
  }
  prepare(program);
  return program;
}

function addVerb(program: Command, record: Operation, run: RunOperation): void {
  const path = record.name.split(' ');
  let parent = program;
  for (const word of path.slice(0, -1)) parent = parent.commands.find((command) => command.name() === word) ?? parent.command(word);
  const command = parent
    .command(path.at(-1) ?? record.name)
    .description(record.description)
    .summary(record.title);
  const fields = fieldsOf(record);
  const positional = (record.positional ?? []).map((name) => {
    const field = fields.find((one) => one.name === name);
    if (!field) throw new Error(`${record.name}: the positional "${name}" is not in its input.`);
    return field;
  });
  for (const field of positional) {
    const isLine = record.words?.field === field.name;
    const rest = field.many || isLine;
    const name = field.name + (rest ? '...' : '');
    const argument = new Argument(field.required ? `<${name}>` : `[${name}]`, sentence(field));
    if (field.choices) argument.choices(field.choices);
    command.addArgument(argument);
  }
  for (const field of fields) if (!positional.includes(field)) command.addOption(optionOf(field));
  if (record.words?.flags === 'theirs') command.passThroughOptions();
  if (record.words?.flags === 'ours') command.allowUnknownOption();
  addGlobals(command);
  if (record.examples)
    command.addHelpText('after', '\nExamples:\n' + record.examples.map(([example, what]) => `  ${example}\n      ${what}`).join('\n'));
  command.action(async () => {
    const flags = command.optsWithGlobals<GlobalFlags & Record<string, unknown>>();
    await run(record, inputOf(record, fields, positional, command.processedArgs, command.opts<Record<string, unknown>>()), flags);
  });
}

function optionOf(field: Field): Option {
  const value = field.kind === 'boolean' ? '' : ` <${field.kind === 'string' ? 'value' : 'number'}${field.many ? '...' : ''}>`;
  // What is done unless one says otherwise can only be said otherwise.
  const turnsOff = field.kind === 'boolean' && field.fallback === true;
  const option = new Option(
    `--${turnsOff ? 'no-' : ''}${field.flag}${value}`,
    turnsOff ? `Turns off: ${field.description.charAt(0).toLowerCase()}${field.description.slice(1)}` : sentence(field),
  );
  if (field.choices) option.choices(field.choices);
  return option;
}

function sentence(field: Field): string {
  const fallback = field.fallback;
  const isPlain = typeof fallback === 'number' || (typeof fallback === 'string' && fallback !== '');
  return field.description + (isPlain ? ` (default: ${fallback})` : '');
}

function addGlobals(command: Command): void {
  const known = command.options.map((option) => option.long);
  for (const [flags, description] of globals) {
    const option = new Option(flags, description).helpGroup('Everywhere:');
    if (!known.includes(option.long)) command.addOption(option);
  }
}

/** What was typed, as the record's input. */
function inputOf(
  record: Operation,
  fields: readonly Field[],
  positional: readonly Field[],
  args: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const texts = (value: unknown): string[] => (Array.isArray(value) ? value : [value]).filter((text) => typeof text === 'string');
  const put = (field: Field, given: unknown) => {
    if (given === undefined) return;
    if (typeof given === 'boolean') {
      values[field.name] = given;
      return;
    }
    const words = texts(given);
    if (words.length === 0) return;
    if (record.words?.field === field.name) values[field.name] = valueOf(field, lineOf(words));
    else values[field.name] = field.many ? words.map((text) => valueOf(field, text)) : valueOf(field, words[0] ?? '');
  };
  positional.forEach((field, i) => put(field, args[i]));
  for (const field of fields) if (!positional.includes(field)) put(field, options[camel(field.flag)]);
  for (const name of record.localPaths ?? []) {
    const value = values[name];
    // A person means the folder they are in.
    if (Array.isArray(value)) values[name] = value.map(absolute);
    else if (typeof value === 'string') values[name] = absolute(value);
  }
  return parseInput(record, fields, values);
}

/** A slash at the end stays: it says that a folder is meant. */
function absolute(path: string): string {
  if (path === '-') return path;
  const whole = resolve(path);
  return /[^/]\/$/.test(path) && !whole.endsWith('/') ? `${whole}/` : whole;
}

/** commander's own name for an option. */
function camel(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function prepare(command: Command): void {
  command.exitOverride();
  // Errors are told by whoever catches them, once, also as JSON.
  command.configureOutput({ writeErr: () => {}, outputError: () => {} });
  for (const child of command.commands) prepare(child);
}

/** Commander's complaint as a sentence; null when it only ended after showing help or the version. */
export function usageError(error: unknown): UserError | null | undefined {
  if (!(error instanceof CommanderError)) return undefined;
  if (error.exitCode === 0) return null;
  if (error.code === 'commander.help') return new UserError('bad-argument', 'Say what to do. `rpo --help` lists the verbs.');
  const said = error.message.replace(/^error: /, '').replace(/\n/g, ' ');
  return new UserError('bad-argument', `${said[0]?.toUpperCase() ?? ''}${said.slice(1)}${/[.?)!]$/.test(said) ? '' : '.'}`);
}

function argumentTerm(argument: Argument): string {
  const name = argument.name().toUpperCase() + (argument.variadic ? '...' : '');
  return argument.required ? name : `[${name}]`;
}
