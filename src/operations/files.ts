import { stat } from 'node:fs/promises';
import { basename, posix, relative, resolve, sep } from 'node:path';
import { z } from 'zod';
import { isUserError, UserError } from '../core/errors.ts';
import type { Orchestrator } from '../orchestrator.ts';
import { deployed, deployedSchema, renderDeployed, transfer } from './deploy.ts';
import { operation } from './operation.ts';
import { bounded, bytes, count, duration } from './text.ts';

const fetchedSchema = z.object({
  pod: z.string(),
  folder: z.string().describe('Absolute local folder.'),
  missing: z.array(z.string()).describe('Paths and globs that matched nothing on the pod.'),
  incomplete: z
    .array(z.object({ path: z.string(), why: z.string() }))
    .describe('Files that are cut off on the pod: still being written, or never finished. Not fetched.'),
  files: z.array(
    z.object({
      path: z.string().describe('Below the folder.'),
      bytes: z.int(),
      changed: z.boolean().describe('False if the same file was here already.'),
    }),
  ),
  milliseconds: z.number(),
});

type Fetched = z.output<typeof fetchedSchema>;

export const upload = operation({
  name: 'upload',
  title: 'Upload a file or folder',
  description:
    'Puts any local file or folder on the pod, also one outside the project; each file verified and put in place in one step. For files of the project use `deploy`.',
  effect: 'write',
  input: z.object({
    local: z.string().min(1).describe('Local file or folder.'),
    remote: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Where to on the pod, below the remote root or absolute; a file goes into a folder that is there, or if it ends in /. Default: its place in the project.',
      ),
    exclude: z.array(z.string().min(1)).default([]).describe('Files of a folder to leave out; gitignore syntax.'),
  }),
  output: deployedSchema,
  positional: ['local', 'remote'],
  localPaths: ['local'],
  examples: [
    ['rpo upload ../data.csv data/', 'a file from outside the project, into a folder'],
    ['rpo upload ../images data/images', 'all files of a folder, below another'],
  ],
  async handle(context, { local, remote, exclude }, call) {
    const orchestrator = await context.orchestrator();
    const startedAt = Date.now();
    const info = await stat(resolve(context.projectRoot, local)).catch(() => null);
    if (!info) throw new UserError('local-missing', `There is no file or folder ${local}.`);
    const options = transfer(call, 'uploading');
    if (info.isDirectory()) return deployed(orchestrator, await orchestrator.uploadDirectory(local, remote, { ...options, exclude }));
    // As with cp: into a folder that is there, or that the slash at the end speaks of.
    const isInto = remote !== undefined && (remote.endsWith('/') || (await orchestrator.files.isFolder(remote, call.signal)));
    const put = await orchestrator.uploadFile(local, isInto ? posix.join(remote, basename(local)) : remote, options);
    return deployed(orchestrator, { files: [{ changed: true, ...put, path: put.remotePath }], milliseconds: Date.now() - startedAt });
  },
  render: renderDeployed,
});

export const download = operation({
  name: 'download',
  title: 'Download a file or folder',
  description: 'Fetches a file or folder from the pod, each file verified. For what a run leaves behind use `results`.',
  effect: 'write',
  input: z.object({
    remote: z.string().min(1).describe('File or folder on the pod, below the remote root or absolute.'),
    local: z.string().min(1).describe('Local file or folder to write to.'),
    exclude: z.array(z.string().min(1)).default([]).describe('Files of a folder to leave out; gitignore syntax.'),
  }),
  output: fetchedSchema,
  positional: ['remote', 'local'],
  localPaths: ['local'],
  async handle(context, { remote, local, exclude }, call) {
    const orchestrator = await context.orchestrator();
    const startedAt = Date.now();
    const options = transfer(call, 'downloading');
    const target = resolve(context.projectRoot, local);
    try {
      const isFolder = local.endsWith('/') || ((await stat(target).catch(() => null))?.isDirectory() ?? false);
      const name = remote.split('/').filter(Boolean).at(-1) ?? 'file';
      const got = await orchestrator.downloadFile(remote, isFolder ? resolve(target, name) : target, options);
      return {
        pod: orchestrator.pod.name,
        folder: resolve(got.localPath, '..'),
        missing: [],
        incomplete: [],
        files: [{ path: got.localPath.split(/[\\/]/).at(-1) ?? '', bytes: got.bytes, changed: true }],
        milliseconds: Date.now() - startedAt,
      };
    } catch (error) {
      // Not a file: perhaps a folder.
      if (!isUserError(error, 'remote-missing')) throw error;
      const report = await orchestrator.downloadDirectory(remote, local, { ...options, exclude }).catch((again: unknown) => {
        // A machine that gives single files only has said already that this one is not there.
        throw isUserError(again, 'unsupported') ? error : again;
      });
      return fetched(orchestrator, target, report);
    }
  },
  render: renderFetched,
});

export const results = operation({
  name: 'results',
  tool: 'download_results',
  title: 'Download results',
  description: "Fetches what training a model left on the pod, as runpod.json's results say, verified; only what is not here already.",
  effect: 'write',
  input: z.object({
    model: z.string().min(1).describe('A model or stage of runpod.json.'),
    folder: z.string().min(1).default('results').describe('Local folder.'),
    seed: z.int().min(0).optional().describe('The seed it was trained with.'),
  }),
  output: fetchedSchema,
  positional: ['model', 'folder'],
  localPaths: ['folder'],
  async handle(context, { model, folder, seed }, call) {
    const orchestrator = await context.orchestrator();
    const target = resolve(context.projectRoot, folder);
    return fetched(orchestrator, target, await orchestrator.downloadResults(model, target, { ...transfer(call, 'downloading'), seed }));
  },
  render: (output) => {
    const npy = output.files.filter((file) => file.path.endsWith('.npy'));
    const labels = npy.find((file) => /labels\.npy$/.test(file.path));
    const predictions = npy.find((file) => file !== labels);
    const next =
      predictions === undefined
        ? ''
        : `\nJudge them with \`rpo validate ${at(output, predictions.path)}${labels === undefined ? '' : ` --labels ${at(output, labels.path)}`}\`.`;
    return renderFetched(output) + next;
  },
  // A script that goes on with the results must notice that some are not there.
  exitCode: ({ files, missing, incomplete }) => (files.length === 0 || missing.length + incomplete.length > 0 ? 1 : 0),
});

export const logs = operation({
  name: 'logs',
  audience: 'people',
  title: 'Download logs',
  description: "Fetches the project's log files and the output of its runs from the pod; only what is not here already.",
  effect: 'write',
  input: z.object({ folder: z.string().min(1).default('logs').describe('Local folder.') }),
  output: fetchedSchema,
  positional: ['folder'],
  localPaths: ['folder'],
  async handle(context, { folder }, call) {
    const orchestrator = await context.orchestrator();
    const target = resolve(context.projectRoot, folder);
    return fetched(orchestrator, target, await orchestrator.downloadLogs(target, transfer(call, 'downloading')));
  },
  render: renderFetched,
});

function fetched(orchestrator: Orchestrator, folder: string, report: Awaited<ReturnType<Orchestrator['downloadResults']>>): Fetched {
  return {
    pod: orchestrator.pod.name,
    folder,
    missing: [...report.missing],
    incomplete: [...report.incomplete],
    files: report.files.map((file) => ({ path: file.path, bytes: file.bytes, changed: file.changed })),
    milliseconds: report.milliseconds,
  };
}

function renderFetched(output: Fetched): string {
  const { pod, folder, files, milliseconds, missing, incomplete } = output;
  const absent = [
    ...(missing.length === 0 ? [] : [`! Not on ${pod}: ${bounded(missing, 5, 'pattern').join(', ')}.`]),
    ...incomplete
      .slice(0, 5)
      .map(
        ({ path, why }) =>
          `! Not fetched, since it is not whole: ${path.slice(-200)} (${why.slice(0, 150)}). Fetch it again when what writes it has ended.`,
      ),
  ];
  if (files.length === 0) return [`${pod} has nothing to fetch.`, ...absent].join('\n');
  const fresh = files.filter((file) => file.changed);
  const had = files.length - fresh.length;
  const where = here(folder);
  if (fresh.length === 0)
    return [`${count(files.length, 'file')} in ${where}: nothing had changed on ${pod} (${duration(milliseconds)}).`, ...absent].join('\n');
  const total = fresh.reduce((sum, file) => sum + file.bytes, 0);
  return [
    `${count(fresh.length, 'file')}, ${bytes(total)}, fetched from ${pod} into ${where} in ${duration(milliseconds)}${had > 0 ? `; ${had} more were here already` : ''}:`,
    ...bounded(
      fresh.map((file) => `  ${file.path}  ${bytes(file.bytes)}`),
      20,
      'file',
    ),
    ...absent,
  ].join('\n');
}

/** As a person in the current folder would write it. */
function here(path: string): string {
  const short = relative(process.cwd(), path).split(sep).join('/') || '.';
  return short.length < path.length ? short : path;
}

function at({ folder }: Fetched, path: string): string {
  return here(resolve(folder, path));
}
