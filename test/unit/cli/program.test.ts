import assert from 'node:assert/strict';
import { z } from 'zod';
import { fieldsOf, kebab, lineOf } from '../../../src/cli/flags.ts';
import { buildProgram, usageError } from '../../../src/cli/program.ts';
import { isUserError } from '../../../src/core/errors.ts';
import { operation, type Operation } from '../../../src/operations/operation.ts';
import { operations } from '../../../src/operations/table.ts';

interface Run {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly flags: Readonly<Record<string, unknown>>;
}

/** What `rpo ARGS` would run; the sentence of the error when it would not. */
async function parse(args: readonly string[], table: readonly Operation[] = operations): Promise<Run | string> {
  let run: Run | undefined;
  const program = buildProgram(
    table,
    async (record, input, flags) => void (run = { name: record.name, input, flags: { ...flags } }),
    [],
    '0',
  );
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    const usage = usageError(error);
    if (usage) return usage.message;
    if (isUserError(error)) return error.message;
    throw error;
  }
  assert.ok(run, 'nothing ran');
  return run;
}

async function inputOf(...args: string[]): Promise<Readonly<Record<string, unknown>>> {
  const run = await parse(args);
  assert.notEqual(typeof run, 'string', String(run));
  return (run as Run).input;
}

describe('rpo: verbs and flags from the table', () => {
  it('has a verb for every operation, with a flag or a place for every input field', () => {
    const program = buildProgram(operations, async () => {}, [], '0');
    for (const record of operations.filter(({ audience }) => audience !== 'agents')) {
      let command = program;
      for (const word of record.name.split(' ')) {
        const next = command.commands.find((one) => one.name() === word);
        assert.ok(next, `no verb for ${record.name}`);
        command = next;
      }
      const flags = command.options.map((option) => option.long);
      const places = command.registeredArguments.map((argument) => argument.name());
      for (const field of fieldsOf(record)) {
        assert.ok(
          record.positional?.includes(field.name)
            ? places.includes(field.name)
            : flags.some((flag) => flag === `--${field.flag}` || flag === `--no-${field.flag}`),
          `${record.name}: ${field.name}`,
        );
        assert.notEqual(field.description, '', `${record.name}: ${field.name} has no description`);
      }
      for (const flag of ['--json', '--pod', '--project', '--home']) assert.ok(flags.includes(flag), `${record.name}: ${flag}`);
      assert.ok(record.description.length > 20 && record.title !== '');
    }
  });

  it('names only fields that exist', () => {
    for (const record of operations) {
      const names = Object.keys(record.input.shape);
      for (const name of [...(record.positional ?? []), ...(record.localPaths ?? []), ...(record.words ? [record.words.field] : [])])
        assert.ok(names.includes(name), `${record.name}: ${name}`);
    }
  });

  it('turns text into the values of the schema, defaults filled in', async () => {
    assert.deepEqual(await inputOf('train', 'logreg', '--seed', '7', '--device', 'cpu', '--detach'), {
      model: 'logreg',
      seed: 7,
      device: 'cpu',
      detach: true,
      deploy: false,
    });
    assert.deepEqual(await inputOf('follow'), { from: 0 });
    assert.deepEqual(await inputOf('follow', 'x', '--from', '120'), { run: 'x', from: 120 });
    assert.deepEqual(await inputOf('stop', '--interrupt-seconds', '1.5'), { interruptSeconds: 1.5, terminateSeconds: 10 });
    const { files, changed } = await inputOf('deploy', 'a.py', 'b c.py');
    assert.deepEqual([files, changed], [[`${process.cwd()}/a.py`, `${process.cwd()}/b c.py`], false]);
  });

  it('turns off what is on', async () => {
    const { resume, check } = await inputOf('retry', '--no-check');
    assert.deepEqual([resume, check], [true, false]);
  });

  it('takes the flags of every verb before and after it', async () => {
    for (const args of [
      ['--json', '--pod', 'a', 'runs'],
      ['runs', '--json', '--pod', 'a'],
      ['--pod', 'a', 'runs', '--json'],
    ]) {
      const run = (await parse(args)) as Run;
      assert.equal(run.flags['json'], true);
      assert.equal(run.flags['pod'], 'a');
    }
  });

  it('leaves the flags of a command that is run on the pod alone', async () => {
    assert.equal((await inputOf('exec', 'ls', '-l', '--json'))['command'], 'ls -l --json');
    assert.equal((await inputOf('exec', '--timeout', '5', 'ls | wc -l'))['command'], 'ls | wc -l');
    assert.equal((await inputOf('exec', 'python', '-c', 'print("a b")'))['command'], `python -c 'print("a b")'`);
    assert.equal((await inputOf('exec', '--timeout', '5', 'x'))['timeout'], 5);
    assert.equal((await inputOf('exec', '--', '--version'))['command'], '--version');
  });

  it('takes an SSH line pasted with or without quotes, our flags on either side', async () => {
    const expected = { line: 'ssh root@1.2.3.4 -p 10 -i ~/k', name: 'a', select: true, replace: false };
    assert.deepEqual(await inputOf('pods', 'add', 'ssh root@1.2.3.4 -p 10 -i ~/k', '--name', 'a', '--select'), expected);
    const { line } = await inputOf('pods', 'add', 'ssh', 'root@1.2.3.4', '-p', '10', '-i', '/k', '--name', 'a', '--select');
    assert.equal(line, 'ssh root@1.2.3.4 -p 10 -i /k');
    assert.equal((await inputOf('pods', 'add', '--name', 'a', 'ssh', '-p', '10', 'root@1.2.3.4'))['line'], 'ssh -p 10 root@1.2.3.4');
  });

  it('says in a sentence what it did not understand', async () => {
    for (const [args, sentence] of [
      [['trian'], /Unknown command 'trian'.*train/],
      [['train', '--sed', '1'], /Unknown option '--sed'.*--seed/],
      [['train', '--seed', 'x'], /--seed takes a whole number, not "x"\./],
      [['train', '--seed', '-1'], /--seed: expected a whole number >= 0, got -1\./],
      [['exec'], /Missing required argument 'command'\./],
      [['monitor'], /Missing required argument 'files'\./],
      [['pods', 'add', 'x', '--host-keys', 'maybe'], /--host-keys.*accept-new, strict, off/],
      [['exec', '--timeout', '0', 'x'], /--timeout: expected a number > 0, at most 86400, got 0\./],
      [['pods', 'add', 'x', '--workspace', 'here'], /--workspace: expected an absolute path on the pod, got "here"\./],
      [['runs', 'x'], /Too many arguments/],
      [[], /Say what to do/],
      [['runs', '--limit', '1e9'], /--limit: expected a whole number from 1 to 1000, got 1000000000\./],
    ] as const) {
      const said = await parse(args);
      assert.match(String(said), sentence);
    }
  });

  it('knows numbers, whole numbers, choices, lists and booleans, and refuses what has no form', () => {
    const record = operation({
      name: 'x',
      title: 'x',
      description: 'x',
      effect: 'read',
      input: z.object({
        aB: z.number(),
        n: z.int().default(3),
        c: z.enum(['a', 'b']).optional(),
        many: z.array(z.string()).default([]),
        yes: z.boolean().default(false),
      }),
      output: z.object({}),
      handle: async () => ({}),
      render: () => '',
    });
    assert.deepEqual(
      fieldsOf(record).map(({ flag, kind, many, choices, required, fallback }) => ({ flag, kind, many, choices, required, fallback })),
      [
        { flag: 'a-b', kind: 'number', many: false, choices: undefined, required: true, fallback: undefined },
        { flag: 'n', kind: 'integer', many: false, choices: undefined, required: false, fallback: 3 },
        { flag: 'c', kind: 'string', many: false, choices: ['a', 'b'], required: false, fallback: undefined },
        { flag: 'many', kind: 'string', many: true, choices: undefined, required: false, fallback: [] },
        { flag: 'yes', kind: 'boolean', many: false, choices: undefined, required: false, fallback: false },
      ],
    );
    const odd = { name: 'odd', input: z.object({ deep: z.object({}) }) };
    assert.throws(() => fieldsOf(odd), /no form for the field "deep"/);
    assert.equal(kebab('giveUpAfterMs'), 'give-up-after-ms');
    assert.equal(lineOf(['a b']), 'a b');
    assert.equal(lineOf(['a', "it's"]), `a 'it'\\''s'`);
  });
});
