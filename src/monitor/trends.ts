import type { FindingType } from './finding.ts';
import type { Measure } from './measure.ts';
import type { MetricLine } from './metric.ts';
import { LossSeries, Recent } from './series.ts';
import type { Place } from './series.ts';
import type { Thresholds } from './thresholds.ts';

/** What the numbers say, to become a finding. */
export interface Trend {
  readonly type: FindingType;
  readonly message: string;
}

const NONE: readonly Trend[] = [];
/** Norms, rates of work: values whose median is "normal". */
const WINDOW = 32;
/** Series followed at the same time; a log that prints more names than this prints per-layer statistics. */
const MAX_SERIES = 64;
const TRAIN = /(?:^|[_/ .-])(?:train(?:ing)?|tr)(?:$|[_/ .-])/i;
const VALIDATION = /(?:^|[_/ .-])(?:val(?:id(?:ation)?)?|eval(?:uation)?|dev|test)(?:$|[_/ .-])/i;

/**
 * Watches the metric series, without looking at any text; each kind of trouble is told once. Nothing is computed while a value is within its series' ordinary range,
 * so a calm log costs a comparison a value.
 */
export class Trends {
  private readonly told = new Set<FindingType>();
  private readonly norms = new Recent(WINDOW);
  private readonly losses = new Map<string, LossSeries>();
  private readonly rates = new Recent(WINDOW);
  /** Beginnings of losses so far. */
  private begun = 0;
  /** What training brings down: of several losses the one that began first; undefined when that has to be found out. */
  private training: LossSeries | null | undefined = null;
  private noticed: Trend[] = [];
  private nonFinite = 0;
  private vanished = 0;
  private zeroRates = 0;
  private slow = 0;
  private deadLines = 0;
  private rateName: string | null = null;
  /** Median of the rates; null while there are few. */
  private usualRate: number | null = null;

  /** Values without an improvement below which a validation loss tells nothing. */
  private readonly patience: number;

  constructor(private readonly thresholds: Thresholds) {
    this.patience = Math.min(thresholds.overfitPatience, thresholds.plateauPatience);
  }

  /** Takes a value of a line, with what its series is and where training is (the line itself need not say). */
  read(measure: Measure, value: number, line: MetricLine, place: Place): void {
    const { name } = measure;
    switch (measure.role) {
      case 'loss':
        this.loss(measure, value, line, place);
        break;
      case 'score':
        // Whether more is better is not known; a number it must be.
        if (Number.isNaN(value)) this.tell('nan-loss', `${name} became nan${where(line, place)}`);
        break;
      case 'norm':
        this.norm(name, value, line, place);
        break;
      case 'rate':
        this.rate(name, value, line, place);
        break;
      case 'throughput':
        this.throughput(name, value, line, place);
        break;
      default:
    }
  }

  /** What was noticed since it was last asked. */
  take(): readonly Trend[] {
    if (this.noticed.length === 0) return NONE;
    const { noticed } = this;
    this.noticed = [];
    return noticed;
  }

  /** A Trainer that masks nan prints `loss: 0.0, grad_norm: nan` for the rest of the run; once may be an overflow that was skipped. */
  private dead(line: MetricLine, place: Place): void {
    const { loss, grad_norm: norm } = line.metrics;
    if (loss !== 0 || norm === undefined || !Number.isNaN(norm)) return;
    if (++this.deadLines === 2) this.tell('nan-loss', `grad_norm is nan and loss is 0${where(line, place)}`);
  }

  private loss(measure: Measure, value: number, line: MetricLine, place: Place): void {
    const { name } = measure;
    if (!Number.isFinite(value)) {
      // Before the first step there is no loss yet, and Lightning's bar says so with `loss=nan`.
      if (line.step === 0 && line.steps !== null) return;
      this.tell('nan-loss', `${name} became ${Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'}${where(line, place)}`);
      return;
    }
    let series = measure.series ?? this.losses.get(name) ?? null;
    if (series === null) {
      if (this.losses.size >= MAX_SERIES) return;
      series = new LossSeries(this.thresholds, VALIDATION.test(name), TRAIN.test(name) || name.toLowerCase() === 'loss');
      this.losses.set(name, series);
      this.begin(series, place);
    } else if (series.startsOver(place.epoch, place.step)) {
      // Another model is trained from here on. Its gradients begin anew as well; the other losses follow when their lines come.
      this.norms.clear();
      this.vanished = 0;
      this.begin(series, place);
    }
    measure.series = series;
    const spike = series.add(value);
    if (spike !== null || series.climbs) this.rose(name, spike, series, line, place);
    if (series.sinceBest >= this.patience) this.stands(name, series, line, place);
  }

  private rose(name: string, spike: 'spike' | 'divergence' | null, series: LossSeries, line: MetricLine, place: Place): void {
    const { last, usual, best } = series;
    if (series.isValidation) {
      // One epoch's validation may jump; and while training improves, a rising one is overfitting.
      const training = this.trainingSeries();
      if ((spike === 'spike' && series.perEpoch) || (training !== null && training.sinceBest <= 2)) return;
    }
    if (spike === 'spike') this.tell('loss-spike', `${name} jumped to ${last}, usually ${usual}${where(line, place)}`);
    else if (spike === 'divergence') this.tell('loss-divergence', `${name} stays at ${last}, before at ${usual}${where(line, place)}`);
    else this.tell('loss-divergence', `${name} rose ${series.rises} times in a row to ${last}, its best was ${best}${where(line, place)}`);
  }

  /** No improvement for long. */
  private stands(name: string, series: LossSeries, line: MetricLine, place: Place): void {
    if (series.isValidation) return this.validation(name, series, line, place);
    if (series.still < this.thresholds.trainPlateauPatience || Math.abs(series.best) < Math.abs(series.first) / 10) return;
    this.tell('plateau', `${name} has not improved on ${series.best} for ${series.sinceBest} values${where(line, place)}`);
  }

  private begin(series: LossSeries, place: Place): void {
    series.begin(place.epoch, place.step, ++this.begun);
    if (series.isTraining && !series.isValidation) this.training = undefined;
  }

  /** Validation losses come once an epoch: there a standstill, or a rise while training falls, means something. */
  private validation(name: string, series: LossSeries, line: MetricLine, place: Place): void {
    const { overfitPatience, plateauPatience } = this.thresholds;
    const training = this.trainingSeries();
    if (series.above >= overfitPatience && training !== null && training.sinceBest <= 2)
      this.tell(
        'overfitting',
        `${name} is ${series.last}, its best was ${series.best} ${series.sinceBest} values ago, while training still improves${where(line, place)}`,
      );
    else if (series.still >= plateauPatience)
      this.tell('plateau', `${name} has not improved on ${series.best} for ${series.sinceBest} values${where(line, place)}`);
  }

  private trainingSeries(): LossSeries | null {
    if (this.training === undefined) {
      this.training = null;
      for (const series of this.losses.values())
        if (series.isTraining && !series.isValidation && !(series.order > (this.training?.order ?? Infinity))) this.training = series;
    }
    return this.training;
  }

  private norm(name: string, value: number, line: MetricLine, place: Place): void {
    const {
      gradientExplosionFactor: factor,
      gradientExplosionNorm: limit,
      gradientNonFiniteRun,
      vanishingGradientNorm,
      vanishingGradientRun,
    } = this.thresholds;
    if (!Number.isFinite(value)) {
      this.dead(line, place);
      if (++this.nonFinite >= gradientNonFiniteRun)
        this.tell('gradient-explosion', `${name} is ${String(value).toLowerCase()} ${this.nonFinite} times in a row${where(line, place)}`);
      return;
    }
    this.nonFinite = 0;
    this.vanished = value < vanishingGradientNorm ? this.vanished + 1 : 0;
    if (this.vanished >= vanishingGradientRun)
      this.tell('vanishing-gradient', `${name} is ${value}, ${this.vanished} times in a row${where(line, place)}`);
    const usual = value > 10 && this.norms.count >= 5 ? this.norms.median : null;
    if (value > limit || (usual !== null && usual > 0 && value > factor * usual))
      this.tell('gradient-explosion', `${name} is ${value}${usual === null ? '' : `, usually ${usual}`}${where(line, place)}`);
    else this.norms.add(value);
  }

  private rate(name: string, value: number, line: MetricLine, place: Place): void {
    this.zeroRates = value === 0 ? this.zeroRates + 1 : 0;
    if (this.zeroRates >= this.thresholds.zeroRateRun)
      this.tell('zero-learning-rate', `${name} is 0, ${this.zeroRates} times in a row${where(line, place)}`);
  }

  private throughput(name: string, value: number, line: MetricLine, place: Place): void {
    // Several rates in one log (training, validation) would be compared with each other: only the first one's name is followed.
    this.rateName ??= name;
    if (name !== this.rateName || !(value > 0)) return;
    const { throughputDrop, throughputRun } = this.thresholds;
    const usual = this.usualRate;
    if (usual !== null && value < throughputDrop * usual) {
      if (++this.slow >= throughputRun) this.tell('throughput-drop', `${name} fell to ${value}, usually ${usual}${where(line, place)}`);
    } else {
      this.slow = 0;
      // Sampled once it is full: what is usual changes slowly.
      if (this.rates.count < WINDOW || line.line % 16 === 0) {
        this.rates.add(value);
        if (this.rates.count >= WINDOW) this.usualRate = this.rates.median;
      }
    }
  }

  private tell(type: FindingType, message: string): void {
    if (this.told.has(type)) return;
    this.told.add(type);
    this.noticed.push({ type, message });
  }
}

/** The line's own place, completed by what was printed before it: Keras says the epoch on a line of its own. */
function where(line: MetricLine, place: Place): string {
  const epoch = line.epoch ?? place.epoch;
  const step = line.step ?? (line.epoch === null ? place.step : null);
  if (epoch !== null) return ` in epoch ${epoch}${step !== null ? `, step ${step}` : ''}`;
  return step !== null ? ` at step ${step}` : '';
}
