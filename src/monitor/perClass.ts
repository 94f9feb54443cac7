import type { Thresholds } from './thresholds.ts';

/** One class as a report printed it. */
interface ClassLine {
  readonly name: string;
  /** Accuracy, recall or F1 of the class; 0..1 or 0..100. */
  readonly value: number;
  /** Examples it was measured on, or null when not printed. */
  readonly support: number | null;
}

// class consolidation: accuracy 0.91 (n=120) ; Accuracy for class: plane is 55.2 % ; Accuracy of   cat : 31 % ; recall for class 3: 0.0 (n=12)
const SENTENCE =
  /^\W*(?:(?:class|label) (?<a>[^:]{1,60}): (?:accuracy|acc|recall|f1)[ :=]+|(?:accuracy|acc|recall|f1)(?: score)? (?:for|of) (?:class:? |label:? )(?<b>[^:]{1,60}?)(?: is| ?:| =) *)(?<value>\d+(?:\.\d+)?) ?%?(?:.{0,20}?(?:\(n ?= ?|\(support[ :=]+|\(\d+\/)(?<n>\d+)\))?/i;
const REPORT_HEAD = /^\s*precision\s+recall\s+f1-score\s+support\s*$/;
const REPORT_ROW = /^\s*(?<name>\S.*?)\s+(?<p>\d\.\d+)\s+(?<r>\d\.\d+)\s+(?<f>\d\.\d+)\s+(?<n>\d+)\s*$/;
const SUMMARY_ROW = /^(?:accuracy|(?:micro|macro|weighted|samples) avg|avg \/ total)$/;
/** What of a class tells whether it is recognised at all. (An IoU or AP of 0 is ordinary for a rare class.) */
const MEASURE = String.raw`(?:acc|accuracy|accuracies|recalls?|sensitivity|sensitivities|f1(?:[ -_]?scores?)?)`;
// Per-class accuracy: [0.95, 0.00] ; Class-wise recall: {'a': 0.98, 'b': 0.0} ; accuracy per class:      (and then a line a class)
const LIST_HEAD = new RegExp(
  String.raw`(?:\b(?:per|each|by)[- _]?class(?:es)?[- _]${MEASURE}|\bclass[- _]?(?:wise)?[- _]${MEASURE}|\b${MEASURE}[- _](?:per|for each|of each|by)[- _]class)\b[^:=\d]{0,20}[:=]\s*(?<rest>.{0,2000})$`,
  'i',
);
const PAIR = /['"]?(?<name>[\w][\w ./-]{0,40}?)['"]?\s*[:=]\s*(?<value>\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?![\w.])/gi;
const NUMBER = /(?<![\w.])\d+(?:\.\d*)?(?:e[-+]?\d+)?(?![\w.])/gi;
const BLOCK_ROW =
  /^\s+(?:[-*•] )?['"]?(?<name>\w[\w ./-]{0,40}?)['"]?\s*[:=|]\s*(?<value>\d+(?:\.\d+)?) ?%?\s*(?:\(n ?= ?(?<n>\d+)\)\s*)?$/i;
const MATRIX_HEAD = /\bconfusion[ _]?matrix\b(?: \([^)]{0,60}\))?\s*(?:[:=]\s*(?:tensor\(|array\()?(?<rest>.{0,2000})$|$)/i;
const MATRIX_ROW = /\[([\d\s.,]{1,2000})\]/g;
/** More classes than this, and some are always hopeless. */
const MAX_CLASSES = 50;
/** … which take less room than this. */
const MAX_CLASS_LINE = 4_096;

/**
 * Class collapse from per-class numbers: a class with enough examples of which none is recognised, while training is not just beginning. In mid-training it must
 * be seen twice, since the first epochs of a rare class look the same.
 */
export class PerClass {
  /** What the lines below a head are. */
  private mode: 'report' | 'block' | 'table' | 'matrix' | null = null;
  /** Of a table: which cell names the class, and which measures it. */
  private column = { name: 0, value: 1 };
  /** Of a confusion matrix: its rows so far. */
  private rows: (readonly number[])[] = [];
  private readonly zeroBefore = new Map<string, number>();
  private told = false;

  constructor(private readonly thresholds: Thresholds) {}

  /** A cheap look: can this line matter? */
  static mayMatter(text: string): boolean {
    return (
      text.includes('lass') ||
      text.includes('LASS') ||
      text.includes('abel') ||
      text.includes('f1-score') ||
      text.includes('onfusion') ||
      text.includes('ccuracy of') ||
      text.includes('ccuracy for')
    );
  }

  get active(): boolean {
    return this.mode !== null;
  }

  /** The collapse that this line shows, as a sentence, or null. `early`: training is under way and far from its end. */
  read(text: string, early: boolean): string | null {
    if (this.told) return null;
    if (text.length > MAX_CLASS_LINE) return this.over();
    const classes = this.classesOf(text);
    // Where no class is recognised it is not the classes: the labels are, or this is the very beginning.
    if (classes.length > MAX_CLASSES || (classes.length > 1 && classes.every(({ value }) => value === 0))) return null;
    for (const line of classes) {
      const message = this.judge(line, early);
      if (message !== null) return message;
    }
    return null;
  }

  private judge({ name, value, support }: ClassLine, early: boolean): string | null {
    if (value > 0) {
      this.zeroBefore.delete(name);
      return null;
    }
    if (support !== null && support < this.thresholds.collapseMinSupport) return null;
    const times = (this.zeroBefore.get(name) ?? 0) + 1;
    if (this.zeroBefore.size < 1_000) this.zeroBefore.set(name, times);
    if (early && times < 2) return null;
    this.told = true;
    return `class ${name}: none of ${support === null ? 'its' : `${support}`} examples is recognised`;
  }

  private classesOf(text: string): readonly ClassLine[] {
    const below = this.mode === null ? null : this.below(text);
    if (below !== null) return below;
    if (REPORT_HEAD.test(text)) {
      this.mode = 'report';
      return [];
    }
    const matrix = MATRIX_HEAD.exec(text)?.groups;
    if (matrix) {
      this.mode = 'matrix';
      this.rows = [];
      return this.matrix(matrix['rest'] ?? '');
    }
    const list = LIST_HEAD.exec(text)?.groups;
    if (list) {
      const rest = list['rest']!.trim();
      if (rest === '') this.mode = 'block';
      return listed(rest);
    }
    if (this.tableHead(text)) return [];
    const groups = SENTENCE.exec(text)?.groups;
    if (!groups) return [];
    return [
      {
        name: (groups['a'] ?? groups['b'] ?? '').trim(),
        value: Number(groups['value']),
        support: groups['n'] === undefined ? null : Number(groups['n']),
      },
    ];
  }

  /** A line below a head, or null when that what it belongs to is over. */
  private below(text: string): readonly ClassLine[] | null {
    if (text.trim() === '') return this.mode === 'report' ? [] : this.over();
    switch (this.mode) {
      case 'report': {
        const row = REPORT_ROW.exec(text)?.groups;
        if (!row) return /^\s*(?:accuracy|micro avg|macro avg)/.test(text) ? [] : this.over();
        const { name, r, f, n } = row as Record<string, string>;
        return SUMMARY_ROW.test(name!) ? [] : [{ name: name!, value: Math.max(Number(r), Number(f)), support: Number(n) }];
      }
      case 'block': {
        const row = BLOCK_ROW.exec(text)?.groups;
        if (!row) return this.over();
        return [{ name: row['name']!, value: Number(row['value']), support: row['n'] === undefined ? null : Number(row['n']) }];
      }
      case 'table': {
        const row = cells(text);
        if (row.length === 1) return /^[-+=:| ]+$/.test(text) ? [] : this.over();
        const [name, value] = [row[this.column.name], row[this.column.value]];
        if (name === undefined || value === undefined) return this.over();
        if (/^[-:= ]+$/.test(name)) return [];
        if (!/^\d+(?:\.\d+)? ?%?$/.test(value)) return this.over();
        return /^(?:all|total|overall|mean|average|avg|macro|micro)\b/i.test(name)
          ? []
          : [{ name, value: Number.parseFloat(value), support: null }];
      }
      default:
        return this.matrix(text);
    }
  }

  private over(): null {
    this.mode = null;
    return null;
  }

  /** `| class | recall |` */
  private tableHead(text: string): boolean {
    if (text.length > 300 || !/[|│┃]/.test(text)) return false;
    const row = cells(text);
    const name = row.findIndex((cell) => /^(?:class|classes|label|category)(?: name)?$/i.test(cell));
    const value = row.findIndex((cell) => /^(?:recall|acc|accuracy|sensitivity|f1|f1[- _]score)(?: ?\(?%\)?)?$/i.test(cell));
    if (name < 0 || value < 0) return false;
    this.column = { name, value };
    this.mode = 'table';
    return true;
  }

  /** Rows are what the examples are, columns what they were taken for, as scikit-learn and torchmetrics print it. */
  private matrix(text: string): readonly ClassLine[] {
    for (const [, row] of text.matchAll(MATRIX_ROW))
      this.rows.push(
        row!
          .trim()
          .split(/[\s,]+/)
          .map(Number),
      );
    const size = this.rows[0]?.length ?? 0;
    if ((this.rows.length === 0 && text.trim() !== '' && !text.includes('[')) || size > MAX_CLASSES || this.rows.length > size) {
      this.mode = null;
      return [];
    }
    if (size < 2 || this.rows.length < size) return [];
    this.mode = null;
    if (this.rows.some((row) => row.length !== size)) return [];
    return this.rows.map((row, i) => ({ name: String(i), value: row[i]!, support: row.reduce((sum, n) => sum + n, 0) }));
  }
}

/** `[0.95, 0.0]`, `0.95 0.0`, `{'a': 0.98, 'b': 0.0}`, `a: 0.98, b: 0.0` */
function listed(text: string): readonly ClassLine[] {
  const named = [...text.matchAll(PAIR)].map(({ groups }) => ({ name: groups!['name']!, value: Number(groups!['value']), support: null }));
  if (named.length > 1) return named;
  const numbers = /^[[({]|^(?:tensor|array)\(/.test(text) || /^[\d.\s,%e-]+$/i.test(text) ? (text.match(NUMBER) ?? []) : [];
  return numbers.length > 1 ? numbers.map((value, i) => ({ name: String(i), value: Number(value), support: null })) : [];
}

function cells(text: string): string[] {
  return text
    .split(/[|│┃]/)
    .map((cell) => cell.trim())
    .filter((cell) => cell !== '');
}
