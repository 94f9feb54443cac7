import { resolve } from 'node:path';
import { z } from 'zod';
import { Home } from '../project/home.ts';
import type { PodEntry } from '../project/schema.ts';
import { UserError } from '../core/errors.ts';
import { parseSshLine } from '../project/sshLine.ts';
import { operation } from './operation.ts';
import { columns } from './text.ts';

const podSchema = z.object({
  name: z.string(),
  address: z.string().describe('user@host:port, a Host of ~/.ssh/config, or a RunPod id.'),
  identityFile: z.string().nullable(),
  selected: z.boolean(),
});

const listSchema = z.object({ pods: z.array(podSchema), file: z.string().describe('Where they are written down.') });

export const pods = operation({
  name: 'pods',
  tool: 'list_pods',
  title: 'List pods',
  description: 'Lists the pods you have added, and which one is selected. Connects to none.',
  effect: 'read',
  input: z.object({}),
  output: listSchema,
  async handle(context) {
    const home = new Home(context.home);
    const { pods, selected } = await home.readPods();
    const names = Object.keys(pods);
    return {
      file: home.podsFile,
      pods: Object.entries(pods).map(([name, entry]) => ({
        name,
        address: addressOf(entry),
        identityFile: 'identityFile' in entry ? (entry.identityFile ?? null) : null,
        selected: name === selected || (selected === undefined && names.length === 1),
      })),
    };
  },
  render({ pods, file }) {
    if (pods.length === 0) return `No pods yet. Add one with \`${addExample}\`, or try \`rpo demo\`, which needs none.`;
    const rows = pods.map((pod) => [pod.selected ? '*' : ' ', pod.name, pod.address, pod.identityFile ?? '']);
    return [...columns(rows), `(* is used when no --pod is given; written down in ${file})`].join('\n');
  },
});

const addExample = 'rpo pods add "ssh root@HOST -p PORT -i KEY"';

export const podsAdd = operation({
  name: 'pods add',
  audience: 'people',
  title: 'Add a pod',
  description:
    'Adds a pod by the SSH line that RunPod\'s console shows under Connect ("SSH over exposed TCP"), pasted whole; or by its pod id, which stays right when the address changes but needs a RunPod API key (RUNPOD_API_KEY or ~/.runpod/config.toml).',
  effect: 'write',
  input: z.object({
    line: z.string().min(1).describe('The SSH line, e.g. "ssh root@213.173.98.12 -p 12345 -i ~/.ssh/id_ed25519", or a RunPod pod id.'),
    name: z.string().min(1).optional().describe('What to call it; default: made from the address.'),
    select: z.boolean().default(false).describe('Use it when no pod is named. The first pod is selected anyway.'),
    replace: z.boolean().default(false).describe('Replace the pod of that name, if there is one.'),
    workspace: z
      .string()
      .regex(/^\//, 'an absolute path on the pod')
      .optional()
      .describe('The folder that is /workspace on RunPod, where this pod has it elsewhere.'),
    hostKeys: z.enum(['accept-new', 'strict', 'off']).optional().describe('How its host key is checked (default: accept-new).'),
  }),
  output: z.object({
    name: z.string(),
    address: z.string(),
    selected: z.boolean(),
    file: z.string(),
    ignored: z.array(z.string()).describe('Parts of the line that were not taken over.'),
  }),
  positional: ['line'],
  words: { field: 'line', flags: 'ours' },
  examples: [
    ['rpo pods add ssh root@213.173.98.12 -p 12345 -i ~/.ssh/id_ed25519 --name a100', 'pasted as RunPod shows it'],
    ['rpo pods add 7h9k2m4n6p --name a100', 'a RunPod pod by its id, wherever it is after a restart'],
    ['rpo pods add ssh mypod', 'a Host of ~/.ssh/config'],
  ],
  async handle(context, { line, name: wanted, select, replace, workspace, hostKeys }) {
    const home = new Home(context.home);
    const parsed = parseSshLine(line);
    const name = wanted ?? parsed.name;
    const entry: PodEntry = {
      ...absoluteKey(parsed.entry),
      ...(workspace === undefined ? {} : { workspace }),
      ...(hostKeys === undefined ? {} : { hostKeys }),
    };
    await home.addPod(name, entry, { select, replace });
    const { selected } = await home.readPods();
    return { name, address: addressOf(entry), selected: selected === name, file: home.podsFile, ignored: [...parsed.ignored] };
  },
  render: ({ name, address, selected, ignored }) =>
    (ignored.length === 0 ? '' : `! Not taken over from the line: ${ignored.join(', ')}.\n`) +
    `Pod ${name} (${address}) was added${selected ? ' and is selected' : ''}. Look at it with \`rpo verify${selected ? '' : ` --pod ${name}`}\`.${selected ? '' : ` Use it by default with \`rpo pods select ${name}\`.`}`,
});

const nameField = z.string().min(1).describe('Name of the pod.');

export const podsSelect = operation({
  name: 'pods select',
  audience: 'people',
  title: 'Select a pod',
  description: 'Makes a pod the one that is used when none is named, in the editor, the terminal and by agents.',
  effect: 'write',
  input: z.object({ name: nameField }),
  output: z.object({ name: z.string() }),
  positional: ['name'],
  async handle(context, { name }) {
    await new Home(context.home).selectPod(name);
    return { name };
  },
  render: ({ name }) => `Pod ${name} is selected.`,
});

export const podsRemove = operation({
  name: 'pods remove',
  audience: 'people',
  title: 'Remove a pod',
  description: 'Forgets a pod here. Nothing is done to the pod itself: it keeps running and is still billed.',
  effect: 'destroy',
  input: z.object({ name: nameField }),
  output: z.object({ name: z.string() }),
  positional: ['name'],
  async handle(context, { name }) {
    await new Home(context.home).removePod(name);
    return { name };
  },
  render: ({ name }) => `Pod ${name} was removed here. The pod itself was not touched: it keeps running and is still billed.`,
});

/** A key named relative to the current folder must be found from any other. */
function absoluteKey(entry: PodEntry): PodEntry {
  if (!('identityFile' in entry) || entry.identityFile === undefined || /^[~%]/.test(entry.identityFile)) return entry;
  return { ...entry, identityFile: resolve(entry.identityFile) };
}

function addressOf(entry: PodEntry): string {
  if ('sshConfigHost' in entry) return `${entry.sshConfigHost} (~/.ssh/config)`;
  if ('podId' in entry) return `RunPod ${entry.podId}`;
  return `${entry.user ?? 'root'}@${entry.host}:${entry.port ?? 22}`;
}

export const podsTrust = operation({
  name: 'pods trust',
  audience: 'people',
  title: 'Trust a host key',
  description:
    'Remembers the host key that a pod shows now as the only right one, after it was recreated or its address went to another pod of yours.',
  effect: 'write',
  input: z.object({
    name: nameField.optional().describe('Name of the pod; default: the selected one.'),
    fingerprint: z
      .string()
      .startsWith('SHA256:', 'a fingerprint like SHA256:...')
      .optional()
      .describe("Only if it is this one, e.g. from the pod's boot log."),
  }),
  output: z.object({
    pod: z.string(),
    address: z.string(),
    fingerprint: z.string(),
    remembered: z.array(z.string()).describe('Fingerprints that were remembered before.'),
  }),
  positional: ['name'],
  async handle(context, { name, fingerprint }, { signal, progress }) {
    progress({ message: 'asking for the host key' });
    const { hostKeyOfPod } = await import('../orchestrator.ts');
    const { trust, ...shown } = await hostKeyOfPod({ pod: name, home: context.home, signal });
    if (fingerprint !== undefined && fingerprint !== shown.fingerprint) {
      throw new UserError(
        'host-key-changed',
        `${shown.address} shows ${shown.fingerprint}, not ${fingerprint}. Nothing was changed; do not connect to it before you know why.`,
        { details: { fingerprint: shown.fingerprint } },
      );
    }
    await trust();
    return { ...shown, remembered: [...shown.remembered] };
  },
  render({ pod, address, fingerprint, remembered }) {
    if (remembered.includes(fingerprint)) return `The host key of ${pod} (${fingerprint}) was trusted already.`;
    return `${pod} (${address}) is now known by ${fingerprint}.${remembered.length === 0 ? '' : ` Forgotten: ${remembered.join(', ')}.`}`;
  },
});
