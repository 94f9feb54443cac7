import { EPOCH_NAMES, STEP_NAMES, classOfName } from './names.ts';
import { PlanBuilder, isWhole, numberAt, templated } from './plan.ts';
import type { Plan } from './plan.ts';
import type { Scan } from './scan.ts';

/**
 * A line format in which the name does not simply stand before its number. A new one is one more record: a sample, and a pattern whose groups `name`/`value`
 * (or `a`,`b`,`c` with `x`,`y`,`z`; `epoch`, `epochs`, `step`, `steps`) mark the places. Values must be whole numbers of the line.
 */
interface Format {
  readonly from: string;
  readonly sample: string;
  readonly pattern: RegExp;
  /** Part of every line of the format: a cheap look before the pattern. */
  readonly hint?: string;
  /** Name of the value when the line does not print it. */
  readonly called?: string;
  /** Names of settings and times are left out, as in a free line. */
  readonly picky?: boolean;
  /** A row of a box of two columns, in which settings stand beside outcomes. */
  readonly box?: boolean;
  /** As many numbers as names, and some name of an outcome: else the line is something else. */
  readonly list?: boolean;
  /** Read the rest of the line by the general rules too, and add what they find. */
  readonly andGeneric?: boolean;
}

const N = String.raw`[-+]?(?:\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?|\.\d+|nan|NaN|inf|Inf)`;
const re = (source: string, flags = ''): RegExp => new RegExp(source.replaceAll('NUM', N), `d${flags}`);
/** A name of a few words in a list of names. */
const W = String.raw`[A-Za-z][\w@%.-]{0,30}(?: [\w@%][\w@%.-]{0,29}){0,3}`;
/** Groups of names, and the groups of their numbers. */
const PAIRS = [
  ['a', 'x'],
  ['b', 'y'],
  ['c', 'z'],
  ['d', 'u'],
  ['e', 'v'],
] as const;
/** The groups after the first, each behind a separator. */
const more = (separator: string, what: string, groups: readonly string[]): string =>
  groups.reduceRight((rest, group) => `(?:${separator}(?<${group}>${what})${rest})?`, '');

export const FORMATS: readonly Format[] = [
  {
    from: 'COCO evaluation (pycocotools)',
    sample: ' Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.374',
    hint: 'Average ',
    pattern: re(String.raw`(?<name>Average (?:Precision|Recall) .{1,90}\]) = (?<value>NUM)\s*$`),
  },
  {
    from: 'darknet',
    sample: ' 5045: 0.872799, 0.996185 avg loss, 0.000261 rate, 0.466129 seconds, 242160 images, 0.144395 hours left',
    hint: ' avg',
    pattern: re(String.raw`^\s*(?<step>\d+): NUM, (?<x>NUM) (?<a>avg(?: loss)?), (?<y>NUM) (?<b>rate),`),
  },
  {
    from: 'W&B run summary',
    sample: 'wandb:                 val_loss 0.04158',
    hint: 'wandb:',
    pattern: re(String.raw`^wandb:\s+(?<name>[\w/@.()%\[\] -]{1,60}?)\s+(?<value>NUM)\s*$`),
    picky: true,
  },
  {
    from: 'stable-baselines3, Lightning and other boxes of two columns',
    sample: '|    ep_rew_mean       | 22.2     |',
    pattern: re(String.raw`^\s*[|│┃]\s*(?<name>[^|│┃]{1,60}?)\s*[|│┃]\s*(?<value>NUM)\s*[|│┃]?\s*$`),
    picky: true,
    box: true,
  },
  {
    from: 'RLlib, GAN tutorials: several names for several numbers',
    sample: '  0: Min/Mean/Max reward:   8.0000/ 22.4157/ 92.0000',
    hint: '/',
    pattern: re(
      String.raw`(?:^\s*(?<step>\d+): )?\b(?<a>[A-Za-z]+)/(?<b>[A-Za-z]+)(?:/(?<c>[A-Za-z]+))? (?<of>(?!split|ratio)[A-Za-z_]+)\s*[:=]\s*(?<x>NUM)\s*/\s*(?<y>NUM)(?:\s*/\s*(?<z>NUM))?`,
    ),
    andGeneric: true,
  },
  {
    from: 'Keras examples: names first, then their numbers',
    sample: 'test loss, test acc: [0.0951, 0.9758]',
    pattern: re(
      String.raw`(?:^|[\]:|>-] )\W{0,8}(?<a>${W})(?:, ?| ?/ ?)(?<b>${W})${more('(?:, ?(?:and )?| ?/ ?| and )', W, ['c', 'd', 'e'])} ?(?::|=+>?|-+>) ?[\[({]?\s*(?<x>NUM)%?${more(String.raw`\s*[,/ |]\s*`, 'NUM', ['y', 'z', 'u', 'v'])}%?[\])}]?\s*\.?$`,
    ),
    list: true,
    andGeneric: true,
  },
  {
    from: 'LIBSVM: the objective, and the offset that is no measure',
    sample: 'obj = -100.877288, rho = 0.424462',
    hint: ', rho = ',
    pattern: re(String.raw`^(?<name>obj) = (?<value>NUM), rho = NUM\s*$`),
  },
  {
    from: 'AutoGluon: the value before the name',
    sample: '\t0.83\t = Validation score   (accuracy)',
    hint: ' = ',
    pattern: re(String.raw`^\s*(?<value>NUM)\s+= (?<name>[\w ]*score\s*(?:\([^)]{1,40}\))?)\s*$`, 'i'),
  },
  {
    from: 'mmengine: the best checkpoint',
    sample: 'The best checkpoint with 0.3000 acc/top1 at 1 epoch is saved to best_acc_top1_epoch_1.pth.',
    hint: 'best checkpoint',
    pattern: re(String.raw`best checkpoint with (?<value>NUM) (?<name>[\w/.@-]+) at (?<epoch>\d+) (?:epoch|iter)`),
  },
  {
    from: 'JoeyNMT and others: the value before the name at the end',
    sample: 'Best validation result (greedy) at step     7000:  95.42 bleu.',
    hint: ' at ',
    pattern: re(String.raw`\bat (?:step|iteration)\s+(?<step>\d+):\s+(?<value>NUM) (?<name>[A-Za-z][\w-]{1,20})\.?\s*$`),
  },
  {
    from: 'Tacotron 2, WaveGlow and kin: the iteration behind the name',
    sample: 'Train loss 1200 0.412311 Grad Norm 0.512311 1.71s/it',
    hint: 'oss ',
    pattern: re(
      String.raw`(?:^|[\]:>-] )\W{0,8}(?<name>(?:train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?|eval(?:uation)?)[ _]loss) (?<step>\d+)(?:: {1,8}| )(?<value>\d+\.\d\S*|nan|inf)(?!.{0,200}loss \d{1,9}[: ])`,
      'i',
    ),
    andGeneric: true,
  },
  {
    from: 'keras-rl: n of N steps, and the episode',
    sample: ' 1200/50000: episode: 12, duration: 1.412s, episode steps: 121, episode reward: 121.000, loss: 0.412311',
    hint: ': episode: ',
    pattern: re(String.raw`(?:^|\s)(?<step>\d+)/(?<steps>\d+): episode: \d`),
    andGeneric: true,
  },
  {
    from: 'Lightning checkpoint callback',
    sample: "Epoch 3, global step 3752: 'val_loss' reached 0.08123 (best 0.08123), saving model to 'x.ckpt' as top 1",
    hint: ' reached ',
    pattern: re(String.raw`Epoch (?<epoch>\d+), (?:global )?step (?<step>\d+): '?(?<name>[\w/-]+)'? reached (?<value>NUM)`),
  },
  {
    from: 'Keras ModelCheckpoint',
    sample: 'Epoch 00003: val_loss improved from 0.53210 to 0.48311, saving model to best.h5',
    hint: ' from ',
    pattern: re(
      String.raw`(?:Epoch (?<epoch>\d+): )?\b(?<name>[A-Za-z]\w*(?: loss| acc\w*)?) (?:improved|decreased|increased) from NUM ?%? to (?<value>NUM)`,
    ),
  },
  {
    from: 'early stopping recipes',
    sample: 'Validation loss decreased (0.532100 --> 0.483110).  Saving model ...',
    hint: '>',
    pattern: re(String.raw`\b(?<name>[A-Za-z][\w ]{0,30}?) (?:decreased|increased|improved) \((?:NUM) ?-+> ?(?<value>NUM)\)`),
  },
  {
    from: 'pytorch/examples: n of N and the percentage',
    sample: 'Test set: Average loss: 0.0514, Accuracy: 9840/10000 (98%)',
    hint: '%)',
    pattern: re(
      String.raw`(?:(?<a>[Aa](?:vg|verage)\.? loss|[Ll]oss)\s*[:=]\s*(?<x>NUM),?\s+)?(?<b>[\w ]{0,20}[Aa]cc(?:uracy)?)\s*[:=]\s*\d+(?:\.\d*)?/\d+ \((?<y>NUM) ?%\)`,
    ),
  },
  {
    from: 'PyTorch tutorials',
    sample: 'Accuracy of the network on the 10000 test images: 54 %',
    pattern: re(
      String.raw`^\W*(?<name>(?:[A-Za-z]+ ){0,3}?(?:accuracy|acc|error|loss) (?:of|at|on|for|over) (?!(?:the )?(?:epoch|step|iter(?:ation)?|batch|round) \d+ ?(?:[:=]|is|was)).{1,80}?)\s?(?::|=| is)\s*(?<value>NUM)\s?%{0,2}\s*$`,
      'i',
    ),
    andGeneric: true,
  },
  {
    from: 'DCGAN (pytorch/examples)',
    sample: '[0/25][100/1583]\tLoss_D: 0.5123\tLoss_G: 3.1234\tD(x): 0.8123',
    hint: '][',
    pattern: re(String.raw`^\s*\[(?<epoch>\d+)/(?<epochs>\d+)\]\s*\[(?<step>\d+)/(?<steps>\d+)\]`),
    andGeneric: true,
  },
  {
    from: 'Optuna',
    sample: "Trial 5 finished with value: 0.8123 and parameters: {'lr': 0.001}. Best is trial 3 with value: 0.8234.",
    hint: 'finished with',
    pattern: re(String.raw`\bTrial \d+ finished with (?<name>value): (?<value>NUM)`),
  },
  {
    from: 'torchtune',
    sample: '1|10|Loss: 1.2345:  10%|█         | 10/100 [00:10<01:30,  1.00s/it]',
    hint: '|',
    pattern: re(String.raw`^\s*(?<epoch>\d+)\|(?<step>\d+)\|(?<name>[A-Za-z]\w*): (?<value>NUM)`),
  },
  {
    from: 'timm',
    sample: 'Train: 3 [  50/1251 (  4%)]  Loss: 6.934 (6.95)  Time: 0.412s, 2485.43/s  LR: 1.000e-04  Data: 0.011 (0.035)',
    hint: 'Train: ',
    pattern: re(String.raw`^\s*Train: (?<epoch>\d+) \[\s*(?<step>\d+)/(?<steps>\d+)`),
    andGeneric: true,
  },
  {
    from: 'Swin Transformer and kin',
    sample:
      '[2024-02-01 10:00:00 swin_tiny](main.py 231): INFO Train: [3/300][100/1251]\teta 0:12:31 lr 0.000312\ttime 0.31 (0.32)\tloss 4.12 (4.81)',
    hint: '][',
    pattern: re(String.raw`\b(?:Train|Test|Eval|Val(?:id)?): \[\s*(?<epoch>\d+)/(?<epochs>\d+)\]\s*\[\s*(?<step>\d+)/(?<steps>\d+)\]`),
    andGeneric: true,
  },
  {
    from: 'word_language_model (pytorch/examples)',
    sample: '| epoch   3 |   200/  745 batches | lr 5.00 | ms/batch 12.31 | loss  5.12 | ppl   167.34',
    hint: ' batches',
    pattern: re(String.raw`\bepoch\s+(?<epoch>\d+) \|\s*(?<step>\d+)/\s*(?<steps>\d+) batches`),
    andGeneric: true,
  },
  {
    from: 'Marian',
    sample: '[2024-02-01 10:00:00] Ep. 1 : Up. 1000 : Sen. 123,456 : Cost 5.12 : Time 12.31s : 12311.21 words/s : gNorm 1.23',
    hint: ' : Up. ',
    pattern: re(String.raw`\bEp\. (?<epoch>\d+) : Up\. (?<step>\d+)`),
    andGeneric: true,
  },
  {
    from: 'home-made loops: n of N, and what that is',
    sample: 'accuracy 456/500 = 91.2%',
    hint: '/',
    pattern: re(String.raw`\b(?<name>(?:[A-Za-z]+ )?[Aa]cc(?:uracy)?)\s*[:=]?\s*\d+/\d+\s*(?:=|->|→)\s*(?<value>NUM)`),
    andGeneric: true,
  },
  {
    from: 'NVIDIA GNMT and kin',
    sample: '7: TRAIN [0][50/3416]\tTime 0.421 (0.602)\tLoss/tok 7.1420 (8.0121)\tLearning Rate [0.0005]',
    hint: '][',
    pattern: re(String.raw`\b(?:TRAIN|VALIDATION|VALID|TEST|EVAL) \[(?<epoch>\d+)\]\[(?<step>\d+)/(?<steps>\d+)\]`),
    andGeneric: true,
  },
  {
    from: 'PyTracking: the epoch, and n of N',
    sample: '[train: 3, 50 / 1000] FPS: 21.2 (20.5)  ,  Loss/total: 2.41968  ,  Loss/segm: 1.18679',
    hint: ' / ',
    pattern: re(String.raw`^\[(?:train|val|valid|test): (?<epoch>\d+), (?<step>\d+) / (?<steps>\d+)\]`),
    andGeneric: true,
  },
  {
    from: 'DGCNN and kin: the phase counts',
    sample: 'Train 31, loss: 1.429904, train acc: 0.940089, train avg acc: 0.764216',
    hint: ', ',
    pattern: re(String.raw`^\W{0,4}(?:Train|Val|Valid|Validation|Test|Eval) (?<epoch>\d+), [A-Za-z][\w ]{0,30}: NUM`),
    andGeneric: true,
  },
  {
    from: 'FastReID',
    sample: '[02/01 10:00:00 fastreid.utils.events]:  eta: 0:10:21  epoch/iter: 5/1367  total_loss: 7.286  lr: 4.56e-05  max_mem: 1841M',
    hint: 'epoch/iter: ',
    pattern: re(String.raw`\bepoch/iter: (?<epoch>\d+)/(?<step>\d+)`),
    andGeneric: true,
  },
  {
    from: 'mmengine',
    sample: 'Epoch(train)  [1][15/15]  lr: 7.8125e-05  eta: 0:00:31  time: 0.2334  grad_norm: 11.9900  loss: 0.6971  top1_acc: 1.0000',
    hint: 'Epoch',
    pattern: re(String.raw`\bEpoch ?\(\w+\)\s*\[\s*(?<epoch>\d+)\]\s*\[\s*(?<step>\d+)(?:/\s*(?<steps>\d+))?\]`),
    andGeneric: true,
  },
  {
    from: 'mmengine, loops by iteration',
    sample: 'Iter(train) [   50/80000]  lr: 1.0000e-02  eta: 6:12:10  time: 0.2791  loss: 2.1234  decode.acc_seg: 41.2',
    hint: 'Iter',
    pattern: re(String.raw`\bIter ?\(\w+\)\s*\[\s*(?<step>\d+)/\s*(?<steps>\d+)\]`),
    andGeneric: true,
  },
  {
    from: 'ESPnet',
    sample:
      '3epoch:train:1-500batch: iter_time=0.002, forward_time=0.1, loss_ctc=51.2, loss_att=40.1, acc=0.41, loss=43.5, optim0_lr0=1.5e-04',
    hint: 'epoch',
    pattern: re(String.raw`(?<![\w.])(?<epoch>\d+)epoch(?::(?:train|valid):| results: )(?:\d+-(?<step>\d+)batch)?`),
    andGeneric: true,
  },
  {
    from: 'MLPerf logging, old',
    sample: ':::MLPv0.5.0 ssd 1541710981.150 (train.py:349) eval_accuracy: {"epoch": 2, "value": 0.21265}',
    hint: ':::MLPv',
    pattern: re(
      String.raw`^\S*:::MLPv[\d.]+ .{1,160}\) (?<name>\w+): \{"epoch": (?<epoch>\d+),(?: "iteration": (?<step>\d+),)? "value": (?<value>NUM)\}`,
    ),
    picky: true,
  },
  {
    from: 'MLPerf logging, new',
    sample:
      ':::MLLOG {"namespace": "", "time_ms": 1590000000000, "event_type": "POINT_IN_TIME", "key": "eval_accuracy", "value": 0.7412, "metadata": {"file": "a.py", "lineno": 9, "epoch_num": 4}}',
    hint: ':::MLLOG',
    pattern: re(String.raw`^\S*:::MLLOG .{1,160}"key": "(?<name>\w+)", "value": (?<value>NUM),(?:.{1,160}"epoch_num": (?<epoch>\d+))?`),
    picky: true,
  },
  {
    from: 'I-JEPA and kin: a list of numbers, the first counts',
    sample: 'INFO:root:[1,   50] grad_stats: [1.53e-02 9.46e-04] (1.17e-04, 3.90e-01)',
    hint: ': [',
    pattern: re(String.raw`\[(?<epoch>\d+),\s+(?<step>\d+)\] (?<name>\w+): \[(?<value>NUM) NUM\]`),
  },
  {
    from: 'two names, two numbers: the second in brackets',
    sample: 'Discriminator Accuracy (Loss): 0.5078125 (1.3683994)',
    hint: ' (',
    pattern: re(String.raw`^\s*(?<a>[A-Za-z][\w ]{1,40}) \((?<b>[A-Za-z][\w ]{1,20})\): (?<x>NUM) \((?<y>NUM)\)\s*$`),
  },
];

/** A phase by itself is no outcome here: `Train/test split: 0.8/0.2`. */
function isList(groups: Readonly<Record<string, string | undefined>>): boolean {
  const names = PAIRS.map(([label]) => groups[label]).filter((name) => name !== undefined);
  return (
    names.length === PAIRS.filter(([, value]) => groups[value] !== undefined).length &&
    names.some((name) => classOfName(name.trim()) === 'outcome' && !/^(?:train|val|valid|test|dev)$/i.test(name.trim()))
  );
}

function isRate(name: string): boolean {
  return /(?:^|[\s/_])(?:lr|learning[_ ]rate|clip[_ ]?range)\s*$/i.test(name);
}

/** Lines with numbers and metric-like words that never are metrics. */
const NEVER =
  /^(?:\[\w+\]:? ?)?(?:\w+\.){0,9}[A-Z][a-z]\w*(?:Error|Exception): (?![-+]?[.\d]|nan\b|inf\b)|^(?:[-.\d: ]{0,30})?(?:\S+ )?(?:remote: |Receiving objects|Resolving deltas|\[CV\] END)|^\[LightGBM\] \[(?:Info|Warning)\](?!.*Iteration)|^\S+\.(?:cpp|cc|cu|py):\d+\] (?:Setting up|Top shape)|:::MLP|^wandb: (?:Syncing|Resuming|Tracking|Run data|Synced)|^(?!.*\b(?:epoch|step|iter)\b[ :=]*\d)(?:.*?\s)?--[a-z][\w-]*[= ]\S.*\s--[a-z]|\S\.py .*\s?--[a-z]|\bCheck failed: |gradient overflow|OVERFLOW!|[Rr]educing loss scale|loss scale to|skipping (?:this )?step|warnings\.warn|\bWarning: /;

/** The first format that fits the line; `undefined` when none does, null when the line is known not to hold metrics. */
export function readFormat(text: string, scan: Scan, generic: (plan: PlanBuilder) => void): Plan | null | undefined {
  for (const format of FORMATS) {
    if (format.hint !== undefined && !text.includes(format.hint)) continue;
    const match = format.pattern.exec(text);
    if (!match) continue;
    const plan = new PlanBuilder();
    if (!fill(plan, match, scan, format)) continue;
    if (format.andGeneric) generic(plan);
    return plan.build();
  }
  return NEVER.test(text) ? null : undefined;
}

function fill(plan: PlanBuilder, match: RegExpExecArray, scan: Scan, format: Format): boolean {
  const groups = match.groups ?? {};
  const spans = match.indices?.groups ?? {};
  const at = (group: string): number => (spans[group] ? numberAt(scan, spans[group][0]) : -1);
  plan.epoch = at('epoch');
  plan.epochs = at('epochs');
  plan.step = at('step');
  plan.steps = at('steps');
  const name = format.called ?? groups['name'];
  if (name !== undefined) {
    const index = at('value');
    if (index < 0) return false;
    if (format.picky) {
      const kind = classOfName(name.trim());
      const lower = name.trim().toLowerCase();
      if (kind === 'skip' || kind === 'place' || EPOCH_NAMES.has(lower) || STEP_NAMES.has(lower)) {
        if (isWhole(scan, index) && EPOCH_NAMES.has(lower)) plan.epoch = index;
        else if (isWhole(scan, index) && STEP_NAMES.has(lower)) plan.step = index;
        return true;
      }
      if (kind === 'unknown' && isWhole(scan, index)) return true;
      if (format.box) plan.grouped = kind === 'unknown' || isRate(name) ? 'other' : 'outcome';
    }
    plan.metric(templated(name.trim(), spans['name']?.[0] ?? -1, scan), index);
  }
  const of = groups['of'] === undefined ? '' : ` ${groups['of']}`;
  if (format.list && !isList(groups)) return false;
  for (const [label, value] of PAIRS) {
    const index = at(value);
    if (groups[label] === undefined || index < 0 || (format.list && /^(?:skip|place)$/.test(classOfName(groups[label].trim())))) continue;
    plan.metric(groups[label].trim() + of, index);
  }
  return plan.names.length > 0 || plan.hasPlace;
}
