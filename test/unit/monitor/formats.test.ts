import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MetricReader } from '../../../src/monitor/metrics/reader.ts';

/**
 * Output of many frameworks, a section each. Below a line that says something stands, after `=> `, what: `name=value ; … ; @epoch=3 ; @step=120`; below the
 * others nothing, since they say nothing that is a metric.
 */
const text = readFileSync(join(import.meta.dirname, '../../fixtures/formats.txt'), 'utf8');

/** `name=value` of a metric line in the same notation. */
function read(reader: MetricReader, line: string, wanted: readonly string[]): string[] {
  const found = reader.read(line, 1);
  const places = wanted.flatMap((item) => {
    const name = /^@(epoch|step)=/.exec(item)?.[1] as 'epoch' | 'step' | undefined;
    return name === undefined ? [] : [`@${name}=${found?.[name] ?? 'none'}`];
  });
  return [...Object.entries(found?.metrics ?? {}).map(([name, value]) => `${name}=${value}`), ...places];
}

describe('metrics as frameworks print them', () => {
  for (const section of text.split(/^### /m).slice(1)) {
    const [name, ...lines] = section.trimEnd().split('\n');
    it(name!, () => {
      const reader = new MetricReader();
      lines.forEach((line, i) => {
        if (line.startsWith('=> ')) return;
        const next = lines[i + 1];
        const wanted = next?.startsWith('=> ') ? next.slice(3).split(' ; ') : [];
        assert.deepEqual(read(reader, line, wanted), wanted, line);
      });
    });
  }
});
