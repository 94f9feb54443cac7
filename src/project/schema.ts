import { z } from 'zod';
import { monitorSchema } from './monitorSchema.ts';

/**
 * `runpod.json`, the file a project describes itself in. The one source of its shape: the JSON schema that the editor
 * completes from is generated from this, and so are the defaults.
 */
const template = z.string().min(1);

const modelSchema = z
  .strictObject({
    command: template.optional().describe('Command for this model; without it, train.command.'),
    device: z.string().min(1).optional().describe('Device for this model, e.g. "cpu".'),
    seed: z.int().min(0).optional().describe('Seed for this model.'),
    encoder: z.string().min(1).optional().describe('Pre-trained encoder for this model, a path below the remote root.'),
    results: z.array(template).optional().describe('Result files of this model; without it, results.'),
  })
  .describe('What differs for one model.');

const stageSchema = z
  .strictObject({
    name: z.string().min(1).describe('Name of the stage.'),
    models: z.array(z.string().min(1)).optional().describe('Models to train, one after the other.'),
    command: template.optional().describe('A command to run instead of training models.'),
    device: z.string().min(1).optional().describe('Device for all of this stage.'),
    needs: z.array(z.string().min(1)).optional().describe('Stages that must have succeeded before.'),
    results: z.array(template).optional().describe('Result files of this stage.'),
  })
  .refine((stage) => (stage.models === undefined) !== (stage.command === undefined), 'a stage has either "models" or "command"');

/** Limits of agents; each that is left out does not limit. */
export const agentLimitsSchema = z.strictObject({
  operations: z
    .array(z.string().min(1))
    .optional()
    .describe('Tools that agents may call, e.g. ["deploy", "start_training"]. Those that only read are always allowed.'),
  deny: z.array(z.string().min(1)).optional().describe('Tools that agents may not call, also if they only read.'),
  write: z.array(z.string().min(1)).optional().describe('Globs below the remote root, or absolute ones, that agents may write to.'),
  exec: z
    .union([z.enum(['free', 'off']), z.array(z.string().min(1)).min(1)])
    .optional()
    .describe(
      'Commands of their own: "free", "off", or patterns that one must match as a whole; * stands for anything but ; & | < > ` $ ( ) and line ends.',
    ),
  upload: z
    .array(z.string().min(1))
    .optional()
    .describe(
      "Absolute globs of local files outside the project that agents may send to a pod; without it, none. It counts in the person's own agents.json or settings; in runpod.json it can only narrow that.",
    ),
  maxRuns: z.int().min(0).optional().describe('How many runs may be going on for an agent to start another.'),
  hoursPerDay: z
    .number()
    .min(0)
    .optional()
    .describe('Hours that runs started by agents may take in 24 hours, together, before another is started.'),
});

export type AgentLimits = z.output<typeof agentLimitsSchema>;

export const projectSchema = z
  .strictObject({
    $schema: z.string().optional(),
    remoteRoot: z
      .string()
      .regex(/^\/[^\0]*$/, 'an absolute path on the pod, like /workspace/project')
      .optional()
      .describe('Folder of the project on the pod. Default: /workspace/<name of this folder>.'),
    environment: z
      .strictObject({
        activate: z
          .string()
          .min(1)
          .optional()
          .describe('Script to source before every command, e.g. /workspace/venv/bin/activate. Relative paths start at the remote root.'),
        variables: z
          .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a name of letters, digits and _'), z.string())
          .default({})
          .describe('Environment variables for every command.'),
      })
      .prefault({})
      .describe('What is set up on the pod before every command.'),
    train: z
      .strictObject({
        command: template.optional().describe('Training command. {model}, {device}, {seed} and {encoder} are replaced.'),
        encoderArgument: template
          .default('--load-pretrained-encoder {path}')
          .describe('What {encoder} becomes when a model has an encoder; {path} is replaced. Without an encoder it becomes nothing.'),
        device: z.string().min(1).default('cuda').describe('Default for {device}.'),
        seed: z.int().min(0).default(1337).describe('Default for {seed}.'),
        resume: z
          .strictObject({
            checkpoints: z
              .array(template)
              .min(1)
              .describe('Files or globs below the remote root, of which the newest whole one counts. {model} and {seed} are replaced.'),
            argument: template.default('--resume {checkpoint}').describe('What is added to the command; {checkpoint} is replaced.'),
          })
          .optional()
          .describe('How a run goes on from its newest checkpoint when it is started again after a fix.'),
        checkpoints: z
          .array(template)
          .default(['**/*.ckpt', '**/*.pt', '**/*.pth'])
          .describe(
            'Files or globs below the remote root, of which the newest whole one that a run wrote comes home when it fails; resume.checkpoints counts instead where it is given. {model} and {seed} are replaced.',
          ),
        models: z.record(z.string().min(1), modelSchema).default({}).describe('The models that can be trained.'),
      })
      .prefault({})
      .describe('How training is started.'),
    presets: z
      .record(z.string().min(1), z.array(z.string().min(1)).min(1))
      .default({})
      .describe('Named lists of files or globs to deploy together.'),
    stages: z.array(stageSchema).default([]).describe('The retraining pipeline, in order.'),
    results: z
      .array(template)
      .default([])
      .describe(
        'Files or globs that a run leaves behind, below the remote root. {model} and {seed} are replaced; of each that names {model}, a stage of the pipeline must leave something new.',
      ),
    logs: z.array(template).default(['logs/**/*.log']).describe('Log files or globs below the remote root.'),
    labels: template.optional().describe('The .npy file with the true classes, below the remote root; results are validated against it.'),
    validation: z
      .strictObject({
        predictions: z
          .array(template)
          .optional()
          .describe(
            'Which results are predictions: .npy or .npz files or globs, FILE.npz#NAME for one of several arrays. {model} and {seed} are replaced. Without it: arrays that can be read as classes and fit the labels.',
          ),
        minShare: z
          .number()
          .min(0)
          .max(1)
          .default(0.01)
          .describe(
            'A class that is predicted for a smaller part of the rows has collapsed, unless it is as rare among the labels. Default: 0.01.',
          ),
      })
      .prefault({})
      .describe('How results are judged.'),
    checks: z
      .strictObject({
        files: z.array(z.string().min(1)).default([]).describe('Files that must be on the pod.'),
        packages: z.array(z.string().min(1)).default([]).describe('Python modules that must be importable.'),
      })
      .prefault({})
      .describe('What Verify Environment looks for.'),
    monitor: monitorSchema.optional(),
    agents: agentLimitsSchema.optional().describe('What AI agents may do with this project. Without it: everything a person may.'),
    exclude: z.array(z.string().min(1)).default([]).describe('Never deployed; gitignore syntax.'),
    gitignore: z.boolean().default(true).describe('Whether what .gitignore excludes is not deployed either.'),
  })
  .describe('RunPod Orchestrator project');

/** runpod.json with every default filled in. */
export type ProjectConfig = z.output<typeof projectSchema>;

const identityFile = z
  .string()
  .min(1)
  .optional()
  .describe('Private key; ~ is expanded. Default: the agent, then the usual names in ~/.ssh.');

const common = {
  workspace: z
    .string()
    .regex(/^\/[^\0]*$/, 'an absolute path on the pod')
    .optional()
    .describe('The folder that is /workspace on RunPod, where this pod has it elsewhere.'),
  hostKeys: z
    .enum(['accept-new', 'strict', 'off'])
    .optional()
    .describe(
      'How its host key is checked: remember a new one and refuse a changed one, refuse new ones too, or check nothing. Default: accept-new.',
    ),
};

export const podEntrySchema = z.union([
  z
    .strictObject({
      host: z.string().min(1).describe('Address of the pod: "SSH over exposed TCP" in RunPod\'s console.'),
      port: z.int().min(1).max(65535).optional().describe('Default: 22.'),
      user: z.string().min(1).optional().describe('Default: root.'),
      identityFile,
      ...common,
    })
    .describe('A machine with SSH.'),
  z
    .strictObject({ sshConfigHost: z.string().min(1).describe('A Host of ~/.ssh/config.'), ...common })
    .describe('A machine that ~/.ssh/config knows.'),
  z
    .strictObject({
      podId: z
        .string()
        .regex(/^[a-z0-9]+$/, "a RunPod pod id, like 'x1y2z3abcdef'")
        .describe('Id of a RunPod pod. Its address is looked up each time, since it changes; that needs a RunPod API key.'),
      identityFile,
      ...common,
    })
    .describe('A RunPod pod, wherever it is now.'),
]);

/** One machine of the person's. */
export type PodEntry = z.output<typeof podEntrySchema>;

export const podsSchema = z
  .strictObject({
    $schema: z.string().optional(),
    selected: z.string().min(1).optional().describe('The pod that is used when none is named.'),
    pods: z.record(z.string().min(1), podEntrySchema).default({}).describe('Your pods, by the names you give them.'),
  })
  .describe('RunPod Orchestrator pods');

export type PodsFile = z.output<typeof podsSchema>;
