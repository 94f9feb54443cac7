/**
 * The headless library: what the terminal and the editor do, for scripts.
 *
 *     import { Orchestrator } from './dist/api.js';
 *     const pod = await Orchestrator.connect({ host: '213.173.98.12', port: 12345, identityFile: '~/.ssh/id_ed25519' });
 *     await pod.deployFixes(['src/model.py']);
 *     const { exitCode, errors, metrics } = await pod.runTraining({ model: 'logreg' });
 *     await pod.close();
 */
export { Orchestrator } from './orchestrator.ts';
export { TrainingMonitor } from './monitor/monitor.ts';
export { isUserError, UserError } from './core/errors.ts';

export type { Reason } from './core/errors.ts';
export type { DeployedFile, DeployOptions, DeployReport } from './deploy/deploy.ts';
export type { Check, CheckFix, VerifyReport } from './doctor/check.ts';
export type { AppliedEdit } from './fixes/appliedEdits.ts';
export type { FixAction, LocalPlace, LocatedFinding } from './fixes/located.ts';
export type { Finding, FindingType, Fix, Frame, Severity } from './monitor/finding.ts';
export type { MetricLine } from './monitor/metric.ts';
export type { MonitorEvent, MonitorOptions } from './monitor/monitor.ts';
export type {
  ConnectOptions,
  ExecuteOptions,
  FolderOptions,
  OpenOptions,
  RetrainOptions,
  RunEvent,
  TrainingRequest,
  WatchedRun,
  WatchOptions,
} from './orchestrator.ts';
export type { PipelineView } from './pipeline/pipeline.ts';
export type { TransferOptions, TransferProgress } from './pod/pod.ts';
export type { FetchReport } from './results/fetch.ts';
export type { FileVerdict } from './results/judge.ts';
export type { Verdict } from './results/validate.ts';
export type { Run, RunManifest, RunStatus } from './runs/run.ts';
export type { StopOptions } from './runs/runs.ts';
