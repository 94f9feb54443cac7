/** When a series of numbers counts as trouble. All of them can be set; the defaults name where they come from. */
export interface Thresholds {
  /** Finite gradient norms above this many times their running median are an explosion. Default 1000. */
  readonly gradientExplosionFactor: number;
  /** … and above this in any case. Default 1e6: far above what clipping at 1 or 10 ever sees. */
  readonly gradientExplosionNorm: number;
  /** Non-finite gradient norms in a row before they count: a loss scaler skips single overflows by design (NVIDIA apex, torch GradScaler). Default 5. */
  readonly gradientNonFiniteRun: number;
  /** Examples a class must have before an accuracy of 0 counts as collapse. Default 10. */
  readonly collapseMinSupport: number;
}

export const DEFAULT_THRESHOLDS: Thresholds = {
  gradientExplosionFactor: 1_000,
  gradientExplosionNorm: 1e6,
  gradientNonFiniteRun: 5,
  collapseMinSupport: 10,
};
