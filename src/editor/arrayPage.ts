import type { Description } from '../results/describe.ts';
import type { FileVerdict } from '../results/judge.ts';
import type { NpyArray } from '../results/npy.ts';

export interface ShownArray {
  /** Empty for the only one of a .npy file. */
  readonly name: string;
  readonly array: Pick<NpyArray, 'shape' | 'dtype'>;
  readonly description: Description;
  /** Null when it cannot be read as predictions. */
  readonly verdict: FileVerdict | null;
}

/** The page of a .npy or .npz file: no script, no resource from anywhere, colours and fonts of the theme. */
export function arrayPage(arrays: readonly ShownArray[], nonce: string): string {
  return page(nonce, arrays.map((one, i) => section(one, arrays.length === 1 || i === 0)).join('\n'));
}

/** What stands in its place when the file cannot be shown. */
export function messagePage(message: string, nonce: string): string {
  return page(nonce, `<p class="error">${escape(message)}</p>`);
}

function page(nonce: string, body: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'nonce-${nonce}'">
<style nonce="${nonce}">${style}</style>
</head>
<body>${body}</body>
</html>`;
}

const style = `
body { padding: 0.5em 2em 2em; max-width: 72em; }
summary { cursor: pointer; }
h1, h2 { font-weight: 600; }
h1 { font-size: 1.3em; display: inline-block; margin: 0.6em 0; }
h2 { font-size: 1.05em; margin: 1.6em 0 0.5em; }
.kind { color: var(--vscode-descriptionForeground); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { padding: 0.15em 1em 0.15em 0; text-align: left; font-weight: normal; white-space: nowrap; }
th { color: var(--vscode-descriptionForeground); }
.number { text-align: right; }
.values td { font-family: var(--vscode-editor-font-family); }
.error { color: var(--vscode-errorForeground); }
.warning { color: var(--vscode-editorWarning-foreground); }
.scroll { overflow-x: auto; }
meter { width: 16em; height: 0.8em; }
meter::-webkit-meter-bar { background: transparent; border: none; border-radius: 0; height: 0.8em; }
meter::-webkit-meter-optimum-value { background: var(--vscode-charts-blue); border-radius: 2px; }
`;

function section({ name, array, description, verdict }: ShownArray, open: boolean): string {
  const { shape, dtype } = array;
  const size = shape.length === 0 ? 'a single value' : shape.length === 1 ? `${shape[0]} values` : shape.join(' × ');
  const title = `<h1>${name === '' ? '' : `${escape(name)} `}${escape(size)} <span class="kind">${escape(dtype)}</span></h1>`;
  const parts = [
    verdict === null ? '' : verdictPart(verdict),
    description.statistics.length === 0 ? '' : `<h2>Statistics</h2>${facts(description.statistics)}`,
    description.histogram.length === 0 ? '' : `<h2>Histogram</h2>${histogram(description)}`,
    description.rows.length === 0 ? '' : `<h2>First rows</h2>${rows(description)}`,
  ].join('\n');
  return name === '' ? title + parts : `<details${open ? ' open' : ''}><summary>${title}</summary>${parts}</details>`;
}

function verdictPart({ ok, summary, problems, classes, comparison, note }: FileVerdict): string {
  const rest = problems.filter(({ message }) => !summary.startsWith(message.replace(/\.$/, '')));
  const lines = [
    `<p class="${ok ? (problems.length > 0 ? 'warning' : '') : 'error'}">${escape(summary)}</p>`,
    ...rest.map(({ severity, message }) => `<p class="${severity}">${escape(message)}</p>`),
    comparison?.agreement == null ? '' : `<p class="kind">${percent(comparison.agreement)} of the rows as in the run before.</p>`,
    note === null ? '' : `<p class="kind">${escape(note)}</p>`,
  ];
  const withLabels = classes.some(({ accuracy }) => accuracy !== undefined);
  const table = classes
    .slice(0, 50)
    .map(
      (one) =>
        `<tr><td>${escape(one.class)}</td><td><meter min="0" max="1" value="${one.share}">${percent(one.share)}</meter></td><td class="number">${one.count}</td><td class="number">${percent(one.share)}</td>${withLabels ? `<td class="number">${one.accuracy === undefined ? '' : percent(one.accuracy)}</td>` : ''}</tr>`,
    );
  const head = `<tr><th>class</th><th></th><th class="number">predicted</th><th class="number">share</th>${withLabels ? '<th class="number">recall</th>' : ''}</tr>`;
  return `<h2>Predictions</h2>${lines.join('')}<table>${head}${table.join('')}</table>${classes.length > 50 ? `<p class="kind">and ${classes.length - 50} more classes</p>` : ''}`;
}

function facts(statistics: Description['statistics']): string {
  return `<table>${statistics.map(([label, value]) => `<tr><th>${escape(label)}</th><td class="number">${escape(value)}</td></tr>`).join('')}</table>`;
}

function histogram({ histogram: bins }: Description): string {
  const most = Math.max(1, ...bins.map(({ count }) => count));
  const line = ({ label, count }: Description['histogram'][number]) =>
    `<tr><td class="number">${escape(label)}</td><td><meter min="0" max="${most}" value="${count}">${count}</meter></td><td class="number">${count.toLocaleString('en-US')}</td></tr>`;
  return `<table>${bins.map(line).join('')}</table>`;
}

function rows({ rows: shown, moreRows, moreColumns }: Description): string {
  const more = moreColumns > 0 ? '<td>…</td>' : '';
  const lines = shown.map(
    (row, i) => `<tr><th class="number">${i}</th>${row.map((value) => `<td class="number">${escape(value)}</td>`).join('')}${more}</tr>`,
  );
  const rest = [
    moreRows > 0 ? `${moreRows.toLocaleString('en-US')} more rows` : '',
    moreColumns > 0 ? `${moreColumns.toLocaleString('en-US')} more columns` : '',
  ];
  const note = rest.filter(Boolean).join(' and ');
  return `<div class="scroll"><table class="values">${lines.join('')}</table></div>${note === '' ? '' : `<p class="kind">and ${note}</p>`}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
