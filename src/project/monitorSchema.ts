import { z } from 'zod';

const factor = z.number().positive();
const times = z.int().min(1);

/**
 * The monitor's thresholds, as `runpod.json` may set them. What each means and where its default is from stands in docs/monitor.md; a test holds the three equal
 * (monitor/thresholds.ts has the defaults, which this room may not import).
 */
export const monitorSchema = z
  .strictObject({
    gradientExplosionFactor: factor
      .optional()
      .describe('A gradient norm above this many times its running median is an explosion. Default: 1000.'),
    gradientExplosionNorm: factor.optional().describe('A gradient norm above this is an explosion. Default: 1000000.'),
    gradientNonFiniteRun: times.optional().describe('Non-finite gradient norms in a row that are an explosion. Default: 5.'),
    vanishingGradientNorm: factor.optional().describe('Gradient norms below this are vanishing … Default: 1e-7.'),
    vanishingGradientRun: times.optional().describe('… this many times in a row. Default: 20.'),
    collapseMinSupport: z
      .int()
      .min(0)
      .optional()
      .describe('Examples a class must have for an accuracy of 0 to be a collapse. Default: 10.'),
    lossWindow: z.int().min(5).optional().describe('Values that the normal range of a loss is judged by. Default: 50.'),
    epochLossWindow: z.int().min(5).optional().describe('The same, of a loss that is printed once an epoch. Default: 10.'),
    spikeScore: factor.optional().describe('Robust standard deviations above the median that make a loss a spike. Default: 10.'),
    divergenceRun: times.optional().describe('Spiked values in a row that are a divergence. Default: 20.'),
    epochDivergenceRun: times.optional().describe('The same, of a loss that is printed once an epoch. Default: 5.'),
    riseRun: times
      .optional()
      .describe('Rises of a loss in a row, to above its start and twice its best, that are a divergence. Default: 10.'),
    plateauPatience: times.optional().describe('Values of a validation loss without an improvement that are a plateau. Default: 10.'),
    trainPlateauPatience: times.optional().describe('Values of a training loss without an improvement that are a plateau. Default: 100.'),
    plateauDelta: z.number().min(0).optional().describe('Relative improvement that counts. Default: 0.0001.'),
    plateauBand: factor.optional().describe('How close to the best all values of a plateau are, relative to it. Default: 0.02.'),
    overfitPatience: times.optional().describe('Epochs in a row with validation above its best that are overfitting. Default: 10.'),
    overfitRatio: factor.optional().describe('… by this much of the best. Default: 0.1.'),
    zeroRateRun: times.optional().describe('Learning rates of exactly 0 in a row before they are told. Default: 10.'),
    throughputDrop: factor.optional().describe('Throughput below this part of its running median is a drop … Default: 0.5.'),
    throughputRun: times.optional().describe('… this many times in a row. Default: 10.'),
    hangFactor: factor.optional().describe('No progress for this many times the median step time is a hang … Default: 30.'),
    hangMinMs: factor.optional().describe('… but never before this many milliseconds. Default: 600000.'),
  })
  .describe('When the numbers of a training count as trouble. Each that is left out has its default; see docs/monitor.md.');
