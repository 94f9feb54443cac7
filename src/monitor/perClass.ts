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

/**
 * Class collapse from per-class numbers: a class with enough examples of which none is recognised, while training is not just beginning. In mid-training it must
 * be seen twice, since the first epochs of a rare class look the same.
 */
export class PerClass {
  private inReport = false;
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
      text.includes('ccuracy of') ||
      text.includes('ccuracy for')
    );
  }

  get active(): boolean {
    return this.inReport;
  }

  /** The collapse that this line shows, as a sentence, or null. `early`: training is under way and far from its end. */
  read(text: string, early: boolean): string | null {
    const line = this.classLine(text);
    if (!line || this.told) return null;
    if (line.value > 0) {
      this.zeroBefore.delete(line.name);
      return null;
    }
    if (line.support !== null && line.support < this.thresholds.collapseMinSupport) return null;
    const times = (this.zeroBefore.get(line.name) ?? 0) + 1;
    if (this.zeroBefore.size < 1_000) this.zeroBefore.set(line.name, times);
    if (early && times < 2) return null;
    this.told = true;
    return `class ${line.name}: none of ${line.support === null ? 'its' : `${line.support}`} examples is recognised`;
  }

  private classLine(text: string): ClassLine | null {
    if (this.inReport) {
      const row = REPORT_ROW.exec(text)?.groups;
      if (row) {
        const { name, r, f, n } = row as Record<string, string>;
        return SUMMARY_ROW.test(name!) ? null : { name: name!, value: Math.max(Number(r), Number(f)), support: Number(n) };
      }
      if (text.trim() !== '') this.inReport = /^\s*(?:accuracy|micro avg|macro avg)/.test(text);
    }
    if (REPORT_HEAD.test(text)) this.inReport = true;
    const groups = SENTENCE.exec(text)?.groups;
    if (!groups) return null;
    return {
      name: (groups['a'] ?? groups['b'] ?? '').trim(),
      value: Number(groups['value']),
      support: groups['n'] === undefined ? null : Number(groups['n']),
    };
  }
}
