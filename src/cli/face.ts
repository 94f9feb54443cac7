import pc from 'picocolors';
import { isUserError, messageOf } from '../core/errors.ts';
import { ControlStripper, stripControl } from '../core/terminal.ts';
import { findingLines, type FindingLine, findingRecord, locatedRecord, metricsRecord } from '../operations/findings.ts';
import type { Operation, OperationEvent, Progress } from '../operations/operation.ts';
import { cut, type Terminal, wrap } from './terminal.ts';

/** How one call shows itself: as text for people or as JSON lines for programs. */
export interface Face {
  event(event: OperationEvent): void;
  progress(progress: Progress): void;
  /** Resolves when what was shown so far is on its way. */
  ready(): Promise<void>;
  /** Ends the call with its answer. */
  result(record: Operation, output: unknown): Promise<void>;
  /** Ends the call with an error. */
  error(error: unknown): Promise<void>;
}

/** One JSON object a line on stdout; progress stays on stderr. */
export class JsonFace implements Face {
  /** Lines of one turn are written at once: a log may have millions. */
  private pending = '';

  constructor(private readonly terminal: Terminal) {}

  event(event: OperationEvent): void {
    switch (event.kind) {
      case 'finding': {
        const { located, file, amends } = event;
        const record = located.place || located.actions.length > 0 ? locatedRecord(located) : findingRecord(located.finding);
        return this.line({ kind: 'finding', ...(file === undefined ? {} : { file }), ...record, ...(amends ? { amends } : {}) });
      }
      case 'metrics':
        return this.line({ kind: 'metrics', ...(event.file === undefined ? {} : { file: event.file }), ...metricsRecord(event) });
      case 'output':
      case 'note':
        return this.line(event);
    }
  }

  progress(progress: Progress): void {
    this.terminal.progress(progress);
  }

  async result(_record: Operation, output: unknown): Promise<void> {
    this.line({ kind: 'result', ...(output as object) });
    this.flush();
  }

  async error(error: unknown): Promise<void> {
    this.line({ kind: 'error', reason: isUserError(error) ? error.reason : 'bug', message: messageOf(error) });
    this.flush();
    this.terminal.lines('err', errorText(error));
  }

  async ready(): Promise<void> {
    this.flush();
    await this.terminal.drained();
  }

  private line(value: object): void {
    if (this.pending === '') queueMicrotask(() => this.flush());
    this.pending += JSON.stringify(value) + '\n';
    if (this.pending.length > 65_536) this.flush();
  }

  private flush(): void {
    if (this.pending === '') return;
    this.terminal.clear();
    this.terminal.streams.out.write(this.pending);
    this.pending = '';
  }
}

/** Output as it arrives, findings in between where they were seen, the answer last. */
export class TextFace implements Face {
  private readonly strippers = { stdout: new ControlStripper(), stderr: new ControlStripper() };
  private shown = false;
  /** Findings ask the disk for source; order is kept by a queue, also with the output that follows. */
  private queue: Promise<void> = Promise.resolve();

  constructor(
    private readonly terminal: Terminal,
    private readonly projectRoot: string,
  ) {}

  event(event: OperationEvent): void {
    this.queue = this.queue.then(() => this.show(event));
  }

  private async show(event: OperationEvent): Promise<void> {
    switch (event.kind) {
      case 'output':
        this.shown = true;
        return this.terminal.raw(event.stream === 'stdout' ? 'out' : 'err', this.strippers[event.stream].write(event.text));
      case 'note':
        return this.terminal.lines('err', pc.dim(stripControl(event.text)));
      case 'finding': {
        this.shown = true;
        const lines = await findingLines(event.located, this.projectRoot);
        return this.terminal.lines(
          'out',
          findingText(lines, {
            file: event.file,
            logLine: event.located.finding.line,
            amends: event.amends ?? false,
            width: this.terminal.width,
          }),
        );
      }
      case 'metrics':
        // The output holds them already.
        return;
    }
  }

  progress(progress: Progress): void {
    this.terminal.progress(progress);
  }

  async ready(): Promise<void> {
    await this.queue;
    await this.terminal.drained();
  }

  async result(record: Operation, output: unknown): Promise<void> {
    await this.end();
    const text = record.render(output as Record<string, unknown>, { eventsShown: this.shown });
    if (text !== '') this.terminal.lines('out', coloured(this.terminal.fit(stripControl(text))));
  }

  async error(error: unknown): Promise<void> {
    await this.end();
    this.terminal.lines('err', this.terminal.fit(errorText(error)));
  }

  private async end(): Promise<void> {
    await this.queue;
    for (const [name, stripper] of Object.entries(this.strippers)) this.terminal.raw(name === 'stdout' ? 'out' : 'err', stripper.end());
    this.terminal.clear();
  }
}

export function errorText(error: unknown): string {
  const detail =
    process.env['RPO_DEBUG'] === '1' && error instanceof Error
      ? `\n${error.stack ?? ''}${error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? ''}` : ''}`
      : '';
  const bug = isUserError(error) ? '' : ' This is a fault of rpo; RPO_DEBUG=1 shows where.';
  return pc.red('error:') + ' ' + stripControl(messageOf(error)) + bug + stripControl(detail);
}

/** A finding as a block beside a coloured bar. */
export function findingText(
  lines: readonly FindingLine[],
  about: { readonly file?: string | undefined; readonly logLine: number; readonly amends: boolean; readonly width: number },
): string {
  const where = about.file === undefined || about.file === '-' ? `log line ${about.logLine}` : `${about.file}:${about.logLine}`;
  const severity = /^\w+/.exec(lines[0]?.text ?? '')?.[0];
  const colour = severity === 'error' ? pc.red : severity === 'warning' ? pc.yellow : pc.cyan;
  return lines
    .flatMap(({ role, text }) => {
      const clean = stripControl(text);
      const note = `(${where}${about.amends ? ', more is known now' : ''})`;
      const wrapped = () => wrap(clean, about.width - 4).split('\n');
      const line = cut(clean, about.width - 4);
      switch (role) {
        case 'title':
          return [...wrapped().map((one) => colour(pc.bold(one))), pc.dim(note)];
        case 'place':
          return [pc.cyan(clean)];
        case 'code':
          return [pc.dim(line)];
        case 'marked':
          return [line];
        case 'suggestion':
          return wrapped();
        case 'action':
          return wrapped().map((one) => pc.green(one));
      }
    })
    .map((line) => `${colour('┃')} ${line}`)
    .join('\n');
}

function coloured(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/^✓/, pc.green('✓')).replace(/^✗/, pc.red('✗')).replace(/^!/, pc.yellow('!')))
    .join('\n');
}
