import { decimalPattern, wordsOf } from './settingPlace.ts';

/** What of a place decides how its new value is written. */
export interface ScalableSetting {
  readonly name: string;
  readonly text: string;
}

/** Settings that are real numbers by nature, also where somebody wrote `lr: 1`. */
const realWords = new Set([
  'lr',
  'rate',
  'decay',
  'momentum',
  'dropout',
  'alpha',
  'beta',
  'gamma',
  'eps',
  'epsilon',
  'temperature',
  'norm',
  'clip',
  'weight',
  'ratio',
  'fraction',
]);

/**
 * The value of a setting times `factor`, written the way it was: whole numbers stay whole and at least 1 (rounded down, or
 * up when growing), `1e-3` becomes `1e-4`, `0.001` becomes `0.0001`, `1_024` keeps its underscores. A whole `1` of a
 * setting that is real by its name, such as a learning rate, becomes `0.1`.
 *
 * @returns `changed` is false when the value cannot go further: a batch size of 1, or a number too small to write.
 * @throws RangeError when the factor is not a positive number, or the text is no decimal number.
 */
export function scaleSetting(place: ScalableSetting, factor: number): { readonly newValueText: string; readonly changed: boolean } {
  if (!(factor > 0) || !Number.isFinite(factor)) throw new RangeError(`A setting is scaled by a positive number, not ${factor}.`);
  if (!decimalPattern.test(place.text)) throw new RangeError(`${JSON.stringify(place.text)} is not a decimal number.`);
  const sign = /^[+-]/.exec(place.text)?.[0] ?? '';
  const text = place.text.slice(sign.length);
  const scaled = round(Number(text.replaceAll('_', '')) * factor);
  if (!Number.isFinite(scaled) || scaled === 0) return { newValueText: place.text, changed: false };
  const whole = /^[\d_]+$/.test(text);
  const newText =
    whole && !wordsOf(place.name).some((word) => realWords.has(word)) ? writeWhole(text, scaled, factor) : writeReal(text, scaled, whole);
  return { newValueText: sign + newText, changed: newText !== text };
}

function writeWhole(text: string, scaled: number, factor: number): string {
  const value = Math.max(1, factor < 1 ? Math.floor(scaled) : Math.ceil(scaled));
  if (!Number.isSafeInteger(value)) return text;
  return text.includes('_') ? String(value).replace(/\B(?=(\d{3})+$)/g, '_') : String(value);
}

function writeReal(text: string, scaled: number, wasWhole: boolean): string {
  const exponent = /([eE])([+-]?)(\d+)$/.exec(text);
  if (exponent !== null) return writeExponent(text, scaled, exponent);
  // Where plain digits would be mostly noughts, an exponent; with a point, since YAML 1.1 takes `1e-9` for a word.
  if (scaled < 1e-12 || scaled >= 1e15) return writeExponent('1.0e-1', scaled, /([eE])([+-]?)(\d+)$/.exec('1.0e-1'));
  let digits = plain(scaled);
  if (!digits.includes('.') && !wasWhole) digits += '.0';
  return text.startsWith('.') && digits.startsWith('0.') ? digits.slice(1) : digits;
}

/** `1e-3`, `1.0E-03`, `5e+2`: the mantissa keeps its point, the exponent its letter, sign and width. */
function writeExponent(text: string, scaled: number, style: RegExpExecArray | null): string {
  const [, letter = 'e', sign = '', width = ''] = style ?? [];
  const [mantissa = '1', power = '0'] = scaled.toExponential().split('e');
  const digits = text.includes('.') && !mantissa.includes('.') ? `${mantissa}.0` : mantissa;
  const size = power.replace(/^[+-]/, '').padStart(width.length > 1 && width.startsWith('0') ? width.length : 1, '0');
  return `${digits}${letter}${power.startsWith('-') ? '-' : sign === '+' ? '+' : ''}${size}`;
}

/** Digits without an exponent. */
function plain(value: number): string {
  const [mantissa = '0', power = '0'] = value.toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const point = Number(power) + 1;
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`;
  return digits.length <= point ? digits.padEnd(point, '0') : `${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Without the last digits of binary fractions: 0.1 * 0.1 is 0.01. */
function round(value: number): number {
  return Number(value.toPrecision(12));
}
