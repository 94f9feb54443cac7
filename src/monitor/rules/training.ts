import { anyOf } from '../rule.ts';
import type { Rule } from '../rule.ts';

/** What a training loop itself says about its numbers. The numbers are watched by the trends; these are the sentences. */
export const TRAINING_RULES: readonly Rule[] = [
  {
    type: 'gradient-explosion',
    on: 'exception',
    pattern: anyOf(
      /\bgradients? (?:is |are |has |have )?explod/i,
      /exploding gradient/i,
      /gradient explosion/i,
      /total norm .{0,40}for gradients .{0,60}non-finite/i,
      /gradient norm .{0,30}(?:inf|nan|infinite|too large)/i,
    ),
    samples: [
      'RuntimeError: The total norm of order 2.0 for gradients from `parameters` is non-finite, so it cannot be clipped.',
      'FloatingPointError: gradient explosion: norm 1e12',
    ],
  },
  {
    type: 'nan-loss',
    on: 'exception',
    pattern: anyOf(
      /\b[Ll]oss\b.{0,60}\b(?:is|became|was|turned|got|to be|=)\b.{0,20}\b(?:nan|NaN|NAN|inf|Inf|infinite|infinity|not finite|non-?finite)\b/,
      /\b(?:nan|NaN|NAN|inf|non-?finite|invalid)\b(?: or (?:nan|NaN|inf|Inf))? (?:\w+ )?(?:loss|losses)\b(?! func)/,
      /[Ll]oss (?:is|became|=) ?(?:\[?nan|\[?inf)/,
      /returned nan values in its \d+th output/,
      /FloatingPointError/,
      /\bloss .{0,20}(?:diverged|not finite|is infinite)/,
      /Minimum loss scale reached/,
      /[Cc]urrent loss scale already at minimum/,
      /Model diverged with loss = NaN/,
      /NanLossDuringTrainingError/,
      /NaN or Inf found in (?:loss|input)/,
      /[Ll]oss exploded/,
      /(?:outputs?|logits|predictions|activations?|weights) .{0,30}contains? (?:NaN|nan|inf)/,
      /probability tensor contains either `?inf`?/,
      /found (?:nan|inf|NaN|Inf)\b.{0,40}\b(?:loss|grad(?:ient)?)\b/,
      // TensorFlow's check_numerics
      /: Tensor had (?:NaN|Inf|NaN and Inf|Inf and NaN) values/,
      /Expected parameter \w+ .{0,120}to satisfy the constraint .{0,60}but found invalid values/,
      /nan encountered/,
    ),
    samples: [
      'FloatingPointError: loss became nan in epoch 3',
      'ValueError: Loss is nan, stopping training',
      "RuntimeError: Function 'LogSoftmaxBackward0' returned nan values in its 0th output.",
      'FloatingPointError: Minimum loss scale reached (0.0001). Your loss is probably exploding.',
      'tensorflow.python.training.basic_session_run_hooks.NanLossDuringTrainingError: NaN loss during training.',
      'Exception: Current loss scale already at minimum - cannot decrease scale anymore. Exiting run.',
      'AssertionError: rank 5: found NaN in local grad norm in backward pass before data-parallel communication collective.',
      'InvalidArgumentError: loss : Tensor had NaN values',
      'RuntimeError: probability tensor contains either `inf`, `nan` or element < 0',
    ],
    lookalikes: [
      "ValueError: could not convert string to float: 'nan loss function'",
      "KeyError: 'loss'",
      "AttributeError: module 'numpy' has no attribute 'NaN'",
    ],
  },
  {
    type: 'nan-loss',
    on: 'line',
    pattern: anyOf(
      /^(?!.*\b(?:if|when|unless|skip)\b)(?:\W*\w+\W{1,3}){0,4}?[Ll]oss (?:is|became|was) (?:nan|NaN|inf|infinite|not finite|non-finite)\b/i,
      /\bLoss is (?:nan|inf), stopping training/i,
      /^(?:ERROR|WARNING|CRITICAL|Error|Warning|!+)\W.{0,60}\b(?:NaN|nan|non-finite|Inf) (?:or (?:inf|Inf) )?(?:loss|training loss)\b/i,
      /\b(?:NaN|nan|non-finite) loss (?:detected|encountered|at (?:step|epoch|iteration))/i,
      /\b(?:NaN|non-finite value)s? (?:was |were )?(?:detected|found|encountered) in (?:the )?(?:training )?loss\b/i,
      /\bInvalid loss, terminating training/i,
      /\bterminate?on_?nan\b.{0,40}batch/i,
      // Lightning's early stopping
      /\bMonitored metric \S{0,60}loss\S{0,60} = -?(?:nan|inf) is not finite\b/i,
      /Model diverged with loss = NaN/i,
    ),
    samples: [
      'Loss is nan, stopping training',
      'Batch 14: Invalid loss, terminating training',
      'WARNING: NaN loss detected at step 120',
      'NaN detected in the loss, aborting',
      'ERROR:tensorflow:Model diverged with loss = NaN.',
      'Monitored metric train_loss = nan is not finite. Previous best value was 0.512. Signaling Trainer to stop.',
    ],
    lookalikes: [
      'val_loss improved from inf to 0.53',
      'number of nan iterations: 0',
      'if loss is nan the step is skipped',
      'nan_loss_check=True',
      'exit criteria: loss is nan -> stop',
      'loss became inf in 0 steps; skipped',
    ],
  },
  {
    type: 'class-collapse',
    on: 'line',
    // all 300 predictions are class 'x' ; model predicts only class 3 ; all predictions are the same class
    pattern: anyOf(
      // the word by itself may stand in any list of troubles
      /(?:^|[\]:!>]\s*|\b(?:warning|error|alert|critical)\W{1,4})class(?:es)? collapse\b(?!_)\W{0,2}(?:$|[:!(]|\b(?:detected|found|occurred|at|in)\b)/i,
      /\bclass(?:es)? collapse (?:was )?(?:detected|found|occurred)\b/i,
      /\ball (?:\d+ )?predictions (?:are|belong to|fall in) (?:the )?(?:same )?(?:class|one class|label)/i,
      /\bpredict(?:s|ed|ing)? only (?:one|a single|1) class\b/i,
      /\bmodel (?:is )?predict(?:s|ing) (?:only|always) (?:the )?(?:same )?class\b/i,
      /\bmode collapse detected\b/i,
    ),
    samples: [
      "WARNING: class collapse: all 300 predictions are class 'expansion'",
      'All predictions are the same class (3)',
      'Warning: model predicts only one class',
    ],
    lookalikes: [
      'class_collapse_penalty: 0.1',
      'collapse_classes=True',
      'no class collapse detected',
      'no mode collapse detected',
      'Checking class collapse metric: 0.02',
      'Detecting class collapse... none',
    ],
  },
  {
    type: 'gradient-explosion',
    on: 'line',
    pattern:
      /(?:^|[\]!>]\s*|\b(?:warning|error|alert|critical)\W{1,4})(?:exploding gradients?|gradient explosion)\b(?!.{0,30}(?:prevent|avoid|clip))(?!,)|(?<!\bno )\b(?:exploding gradients?|gradient explosion) (?:was |were )?(?:detected|found|occurred)\b|\bgradients? (?:is |are |has |have )?explod(?:ed|ing)\b(?!.{0,30}(?:prevent|avoid|clip))|\bgradient norm .{0,40}(?:is (?:nan|inf|too (?:large|high|big))|exceeds(?!.{0,40}clip))/i,
    samples: ['WARNING: gradient explosion: grad norm 1.2e+09 at step 40', 'WARNING: exploding gradients detected (norm = 5000)'],
    lookalikes: [
      'Clipping gradients at 1.0 to prevent exploding gradients',
      'gradient_explosion_threshold: 100',
      'gradient explosion guard enabled',
      'Using gradient clipping to fight exploding gradients.',
      'Gradient overflow.  Skipping step, loss scaler 0 reducing loss scale to 32768.0',
    ],
  },
];
