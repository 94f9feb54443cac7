/**
 * When a series of numbers counts as trouble. All of them can be set. Where a default was taken from a tool or paper, it is named; the rest are this project's choice, on the
 * side of silence, since a false alarm costs more trust than a late one. (Amazon SageMaker Debugger's list of built-in rules served as the check-list.)
 */
export interface Thresholds {
  /** Finite gradient norms above this many times their running median are an explosion. Default 1000. */
  readonly gradientExplosionFactor: number;
  /** … and above this in any case. Default 1e6: far above what clipping at 1 or 10 ever sees. */
  readonly gradientExplosionNorm: number;
  /** Non-finite gradient norms in a row before they count: a loss scaler skips single overflows by design (torch GradScaler, NVIDIA apex). Default 5. */
  readonly gradientNonFiniteRun: number;
  /** Gradient norms below this … Default 1e-7, as SageMaker Debugger's VanishingGradient. */
  readonly vanishingGradientNorm: number;
  /** … this many times in a row are vanishing. Default 20. */
  readonly vanishingGradientRun: number;
  /** Examples a class must have before an accuracy of 0 counts as collapse. Default 10. */
  readonly collapseMinSupport: number;
  /** Values of a loss that its normal range is judged by. Default 50. */
  readonly lossWindow: number;
  /** … of a loss that is printed once an epoch. Default 10: most trainings have no 50 epochs. */
  readonly epochLossWindow: number;
  /**
   * A loss this many robust standard deviations (1.4826 x median absolute deviation) above the window's median, and at least half as much again as it (printed once an epoch: twice it), is a spike. Default 10;
   * Iglewicz and Hoaglin (1993) call 3.5 an outlier, which minibatch noise reaches daily.
   */
  readonly spikeScore: number;
  /** Spiked values in a row that make it a divergence: PaLM (Chowdhery et al. 2022) saw spikes heal within some hundred steps, so the count is of printed values. Default 20. */
  readonly divergenceRun: number;
  /** … of a loss that is printed once an epoch. Default 5. */
  readonly epochDivergenceRun: number;
  /**
   * Rises in a row, to above where the loss began and at least twice its best, that are a divergence, however short the series. Default 10. SageMaker Debugger's LossNotDecreasing looks at
   * 10 steps as well.
   */
  readonly riseRun: number;
  /** Epochs (values of a validation loss) without an improvement by `plateauDelta` that are a plateau. Default 10, as torch's ReduceLROnPlateau. */
  readonly plateauPatience: number;
  /** … values of a training loss, which comes with each step. Default 100. One that fell below a tenth of where it began has converged instead. */
  readonly trainPlateauPatience: number;
  /** Relative improvement that counts. Default 1e-4, as torch's ReduceLROnPlateau. */
  readonly plateauDelta: number;
  /** … all of them this close to the best, relative to it: a loss that swings has converged as far as its data let it, and does not stand still. Default 0.02. */
  readonly plateauBand: number;
  /** Epochs in a row with validation above its best while training still falls. Default 10, the patience of ReduceLROnPlateau: small validation sets swing for longer than one. */
  readonly overfitPatience: number;
  /** … and by this much of the best. Default 0.1, as the ratio of SageMaker Debugger's Overfit. */
  readonly overfitRatio: number;
  /** Learning rates of exactly 0 in a row (after warm-up began or from the start). Default 10. */
  readonly zeroRateRun: number;
  /** Throughput below this part of its running median … Default 0.5. */
  readonly throughputDrop: number;
  /** … this many times in a row. Default 10. */
  readonly throughputRun: number;
  /** No step for this many times the median step time is a hang. Default 30. */
  readonly hangFactor: number;
  /** … but never before this many milliseconds: compiling, validating and saving take their time. Default 10 minutes, PyTorch's NCCL watchdog. */
  readonly hangMinMs: number;
}

export const DEFAULT_THRESHOLDS: Thresholds = {
  gradientExplosionFactor: 1_000,
  gradientExplosionNorm: 1e6,
  gradientNonFiniteRun: 5,
  vanishingGradientNorm: 1e-7,
  vanishingGradientRun: 20,
  collapseMinSupport: 10,
  lossWindow: 50,
  epochLossWindow: 10,
  spikeScore: 10,
  divergenceRun: 20,
  epochDivergenceRun: 5,
  riseRun: 10,
  plateauPatience: 10,
  trainPlateauPatience: 100,
  plateauDelta: 1e-4,
  plateauBand: 0.02,
  overfitPatience: 10,
  overfitRatio: 0.1,
  zeroRateRun: 10,
  throughputDrop: 0.5,
  throughputRun: 10,
  hangFactor: 30,
  hangMinMs: 600_000,
};
