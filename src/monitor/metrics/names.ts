/** What a name in front of a number says about it. */
export type NameClass =
  /** How well it goes: loss, accuracy, reward. One of these makes a line a metrics line. */
  | 'outcome'
  /** Worth keeping in a metrics line, but configuration when it stands alone: learning rate, norms, throughput. */
  | 'aux'
  /** Where training is: epoch, step and their kin. */
  | 'place'
  /** Times, memory, sizes, counts, settings. */
  | 'skip'
  | 'unknown';

/**
 * Words of outcomes, as whole words of the name (split at `_`, `-`, `/`, spaces, digits).
 * From the names that the frameworks of issue 4 give their metrics.
 */
const OUTCOME = new Set(
  (
    'loss losses acc accuracy accuracies precision recall f1 fscore auc auroc auprc roc ap ar map miou iou dice jaccard jacc giou bleu sacrebleu rouge rougel rougelsum meteor cider spice chrf wer cer ter ppl perplexity mse mae rmse ' +
    'rmsle mape smape mase logloss nll nlll elbo kl kld error err errors cost bce ce xent crossentropy cross_entropy entropy reward rewards return returns score scores r2 mcc kappa ndcg mrr hr hit hits hitratio psnr ssim lpips fid top1 top5 bpb bpc bpd ' +
    'specificity sensitivity fb1 auuc ndcg recon adv objective merror mlogloss gini pearson spearman spearmanr pearsonr corr correlation f1score f1_score acc1 acc5 eer der mos stoi pesq sdr snr sisnr similarity margin margins cosine em nmse brier ece ' +
    'performance metric success winrate win fitness trl tel vl tl nds mate mauc val_acc epe bpp ' +
    'bpw prec mpjpe kid fvd niqe chamfer hausdorff hd95 dsc assd emd wasserstein absrel silog uar qwk ade fde minade minfde rmsd lddt plddt crps nrmse mindcf sisnri ' +
    'comet fwiou mpa lsd mcd hamming lrap silhouette nmi ari purity modularity aupr prauc tpr fpr bler elo mel fm stft nme pck oks map50 map75 aic bic deviance likelihood lp lpp rms cider ppo vf pg rew ret epret accu wacc macc bacc hmean learn sparsity deviance'
  ).split(' '),
);
const AUX = new Set(
  'lr rate gnorm norm gradnorm grad grads temperature tps tflops flops mfu hfu throughput speed sparsity lrm clip clipfrac approxkl explained variance beta wd momentum fps ups wps value q td weight_decay'.split(
    ' ',
  ),
);
const SKIP = new Set(
  (
    'micro_step dur label labels predict weight weights time times timing elapsed eta duration took runtime wall walltime wallclock clock seconds sec secs second ms minutes min_left hours hour date data_time iter_time batch_time forward backward latency memory mem gpu_mem max_mem ram vram cuda cpu gpu gpus device devices ' +
    'size sizes batch_size bs bsz wpb seed seeds params parameters param parameter num number count counts total_params version port pid rank ranks world nodes node workers worker dim dims hidden layers layer heads head width height channels kernel stride padding dropout ' +
    'samples examples tokens_seen tokens words chars characters sentences utterances images consumed skipped length len max_len vocab classes nclass folds fold candidates version id index idx line lines file files shape shapes bytes mb gb kb mib gib remaining percentage percent progress left until done ' +
    'patience tol tolerance ts timestamp stamp kimg maintenance reserved oom counter warmup threshold thresholds thr thrs stopping initial start init target scheduler alpha gamma lambda eps epsilon betas decay interval every freq frequency limit limits max_steps max_epochs total_steps num_epochs train_wall gb_free mom v_num loss_scale scale scaler weight_norm over frames timing year month day cores core threads thread level iou_thr conf_thr nms score_thr ' +
    'coef coeff coefs coeffs coefficient coefficients n_updates cumulative_steps rlen support total_timesteps time_elapsed it s batches dataset split handling'
  ).split(' '),
);
/** Whole names, lower case, that the words would judge wrongly. */
const WHOLE: Readonly<Record<string, NameClass>> = {
  'loss scale': 'skip',
  loss_scale: 'skip',
  'learning rate': 'aux',
  learning_rate: 'aux',
  'number of nan iterations': 'skip',
  'number of skipped iterations': 'skip',
  'global batch size': 'skip',
  global_batch_size: 'skip',
  'batch size': 'skip',
  batch_size: 'skip',
  iter_time: 'skip',
  data_time: 'skip',
  step_avg: 'skip',
  loss_weight: 'skip',
  'max mem': 'skip',
  data: 'skip',
  ratio: 'skip',
  bp: 'skip',
  n: 'skip',
  r: 'outcome',
  train: 'outcome',
  test: 'outcome',
  val: 'outcome',
  valid: 'outcome',
  validation: 'outcome',
  training: 'outcome',
  dev: 'outcome',
  batch_cost: 'skip',
  reader_cost: 'skip',
  data_cost: 'skip',
  avg_batch_cost: 'skip',
  avg_reader_cost: 'skip',
  'time cost': 'skip',
  'training cost': 'skip',
  'validation time cost': 'skip',
  epsilon: 'aux',
  totalenvinteracts: 'skip',
  'early stopping delta': 'skip',
  early_stopping_delta: 'skip',
  min_delta: 'skip',
  'loss weight': 'skip',
  r2: 'outcome',
  'r^2': 'outcome',
  'data loss': 'outcome',
  exact_match: 'outcome',
  'exact match': 'outcome',
  'bits/dim': 'outcome',
  metric: 'outcome',
  'best metric': 'outcome',
  total_error_count: 'skip',
  besttest: 'outcome',
  'weight decay': 'skip',
  wd: 'aux',
  weight_decay: 'skip',
  max_grad_norm: 'skip',
  s: 'unknown',
  'num zeros': 'skip',
  'peak mem': 'skip',
  best: 'outcome',
  label_smoothing: 'skip',
};

export const EPOCH_NAMES = new Set([
  'epoch',
  'epochs',
  'ep',
  'pass',
  'cur_epoch',
  'current_epoch',
  'epoch_num',
  'epoch_idx',
  'num_epoch',
  'train_epoch',
  'trainer/epoch',
  // Portuguese and Spanish, French, Russian
  'época',
  'épocas',
  'époque',
  'эпоха',
]);
export const STEP_NAMES = new Set([
  'step',
  'steps',
  'iter',
  'iters',
  'iteration',
  'iterations',
  'it',
  'batch',
  'minibatch',
  'batch_id',
  'batch_idx',
  'global_step',
  'global step',
  'globalstep',
  'global-step',
  'num_updates',
  'current_steps',
  'train_step',
  'train-step',
  'training step',
  'update',
  'updates',
  'i',
  'itr',
  'niter',
  'batches',
  'global_steps',
  'mini-batch',
  'mb',
  'num_steps',
  'training_step',
  'training-step',
  'trainer/global_step',
  'train/global_step',
  'optimizer_step',
  'total_steps_done',
  'tick',
  'round',
  'n_iter',
  'cur_iter',
  'current_step',
  'current_iter',
  // of Stable-Baselines3; by itself it may be a setting
  'eval num_timesteps',
  '_step',
]);

/** Examples, tokens, steps … a second: nobody configures those, so they make a metrics line even alone. */
const RATE =
  /(?:\bper|\/) ?(?:sec|second|s|core)\b|it\/s$|\b(?:img|image|sample|token|tok|example|frame|word|seq|step)s?(?: per | ?\/ ?| )s(?:ec|econd)?\b|^(?:sps|fps|ips)$/;

const known = new Map<string, NameClass>();

/** What kind of thing this name names; remembers its answers, since names come again and again. */
export function classOfName(name: string): NameClass {
  let answer = known.get(name);
  if (answer === undefined) {
    answer = judge(name.toLowerCase());
    // bestTest, AvgTime, SamplesPerSec
    if (answer === 'unknown' && /[a-z][A-Z]/.test(name)) answer = judge(name.replace(/([a-z])(?=[A-Z])/g, '$1 ').toLowerCase());
    if (known.size > 5_000) known.clear();
    known.set(name, answer);
  }
  return answer;
}

function judge(name: string): NameClass {
  const whole = WHOLE[name];
  if (whole) return whole;
  if (EPOCH_NAMES.has(name) || STEP_NAMES.has(name)) return 'place';
  if (RATE.test(name.replaceAll('_', ' '))) return 'outcome';
  if (/^(?!.*(?:max|clip|threshold)).*(?:grad\w*[ _-]norm|gnorm)/.test(name)) return 'outcome';
  // What is aimed at or allowed, not what was reached; RL's targets are values of the critic.
  if (/^target[ _](?!q\b|v|ret|rew|net|ent|max)|^min_(?!loss|rew|ret|ep|val|max)|(?:\b|_)thresh(?:old)?s?(?:\b|_)/.test(name))
    return 'skip';
  // How long an episode lasts, or what a model writes, is learnt.
  if (
    /(?:^|[ _/])ep(?:isode)?s?[ _]?len(?:gth)?s?\b|(?:^|[ _/])(?:completions?|responses?)\b.{0,8}[ _/]length\b/.test(
      name.replaceAll('_', ' '),
    ) &&
    !/^(?:max|min)|limit/.test(name)
  )
    return 'outcome';
  // … and how many steps it took; alone, how many it may take.
  if (/^ep(?:isode)?[ _]steps$/.test(name)) return 'aux';
  // R@1, pass@10, top-5
  if (/^(?:.*[\s_/-])?(?:(?:r|p|rec|pass|maj|recall|precision)@\d+|top[-_ ]?(?:1|3|5|10))$/.test(name)) return 'outcome';
  // 训练损失 (training loss), 准确率 (accuracy) and their kin: there, words are not set apart. (第3轮 损失 is the third round's.)
  if (!name.includes('第') && /(?:损失|误差|准确率|精度|召回率|精确率|奖励|损失值|得分)$/.test(name)) return 'outcome';
  // One that is said to be current is no setting.
  if (/^(?:current|curr?|new)[ _](?:lr|learning[ _]rate|(?:kl|entropy)[ _]coeff?)$/.test(name)) return 'outcome';
  // LightGBM: `valid's l2`; by itself it is a weight decay
  if (/'s l[12]$/.test(name)) return 'outcome';
  if (/grad.*norm|norm.*grad|learn(?:ing)?.?rate|^lr\b|_lr$|\/lr$|^lr[-_/\d]/.test(name)) return 'aux';
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  let outcome = false;
  let aux = false;
  let skip = false;
  for (const word of words) {
    // fid50k: over fifty thousand samples
    const bare = word.replace(/\d+k?$/, '');
    if (OUTCOME.has(word) || (bare !== '' && OUTCOME.has(bare))) outcome = true;
    else if (/(?:loss|acc|accuracy|error|reward|score)$/.test(word) && !/^(?:no|max)/.test(word)) outcome = true;
    else if (AUX.has(word)) aux = true;
    else if (SKIP.has(word) || /^\w{3,5}mem$/.test(word)) skip = true;
  }
  const last = words[words.length - 1] ?? '';
  // A coefficient that is measured, not set.
  if (
    /^coeff?(?:icient)?$/.test(last) &&
    words.some((word) => /^(?:dice|corr\w*|phi|matthews|jaccard|overlap|silhouette|gini)$/.test(word))
  )
    return 'outcome';
  if (
    outcome &&
    !(
      SKIP.has(last) &&
      !OUTCOME.has(last) &&
      /^(?:time|weight|weights|scale|size|memory|thr|thrs|threshold|steps|interval|freq|count|num|ms|sec|fn|type|coef|coeff|coefs|coeffs|coefficients?|ratio|split|factor|alpha|gamma|lambda|delta|margin|eps|epsilon|smoothing|mb|patience|limit|every|dim|seconds|tol|tolerance|handling)$/.test(
        last,
      )
    )
  )
    return 'outcome';
  // What an environment measures under its own names, heights and times among them; Isaac Lab's boxes.
  if (
    /^metrics?\/(?!.*(?:step|iter|epoch|batch|data|load|train|eval|ward|update|wall|run|gpu|cpu|mem))[\w/]+_(?:mean|std|min|max|avg)$|^(?:episode_termination|curriculum)\/\w/.test(
      name,
    )
  )
    return 'outcome';
  if (skip) return 'skip';
  // RL: how much a policy still tries out; what an environment measures, under its own names (`Metrics/slip_velocity`).
  if (/\b(?:action|policy)\b.{0,20}\bstd$|^(?:metrics?|env|episode\w*|rollout)\/\w/.test(name)) return 'outcome';
  return aux ? 'aux' : 'unknown';
}

/** What the trends make of a series. */
export type Role = 'loss' | 'score' | 'norm' | 'rate' | 'throughput' | 'other';

const roles = new Map<string, Role>();

export function roleOf(name: string): Role {
  let role = roles.get(name);
  if (role === undefined) {
    role = isLoss(name)
      ? 'loss'
      : // CatBoost's value of whatever is trained for; it may be one that rises, such as AUC
        name === 'learn'
        ? 'score'
        : isGradientNorm(name)
          ? 'norm'
          : /^(?:.*[/ ])?(?:lr|learning[ _]rate)$/i.test(name)
            ? 'rate'
            : RATE.test(name.toLowerCase().replaceAll('_', ' '))
              ? 'throughput'
              : 'other';
    if (roles.size > 5_000) roles.clear();
    roles.set(name, role);
  }
  return role;
}

/** Is this series a loss, whose nan or inf means that training broke? Best-so-far values start at inf by design. */
function isLoss(name: string): boolean {
  return (
    /loss|\bnll|\bcost\b|perplexity|\bppl\b|\bbp[bcd]\b|elbo|objective|\btrl\b|\btel\b/i.test(name) &&
    !/(?:^|[ _])(?:best|min|minimum|lowest|prev\w*)(?:$|[ _])|scale|weight|improve/i.test(name)
  );
}

function isGradientNorm(name: string): boolean {
  return /^(?:.*[/_ .])?(?:grad(?:ient)?s?[_ -]?norm|gnorm|gradnorm|total_norm|grad_norm\w*)$/i.test(name);
}
