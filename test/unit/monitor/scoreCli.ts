// What `rpo monitor --json` prints, from the sources, for the scoring in corpus.test.ts.
import { readFileSync } from 'node:fs';
import { TrainingMonitor } from '../../../src/monitor/monitor.ts';

const shown = (v: number): number | string => (Number.isNaN(v) ? 'nan' : v === Infinity ? 'inf' : v === -Infinity ? '-inf' : v);

for (const file of process.argv.slice(2)) {
  const monitor = new TrainingMonitor();
  const events = [...monitor.write(readFileSync(file)), ...monitor.end()];
  for (const { type, severity, line, frame } of monitor.getErrors())
    console.log(JSON.stringify({ file, kind: 'finding', type, severity, line, frame: frame && { file: frame.file, line: frame.line } }));
  for (const event of events) {
    if (event.kind !== 'metrics') continue;
    const metrics = Object.fromEntries(Object.entries(event.metrics).map(([name, value]) => [name, shown(value)]));
    console.log(JSON.stringify({ file, kind: 'metrics', line: event.line, epoch: event.epoch, step: event.step, metrics }));
  }
}
