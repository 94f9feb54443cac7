/** Numbers without chance, so that every run measures the same log. */
function numbers(): (below: number) => number {
  let state = 12_345;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state % below;
  };
}

const TRACEBACK = [
  'Traceback (most recent call last):',
  '  File "/workspace/project/train.py", line 88, in <module>',
  '    main(parse())',
  '  File "/workspace/project/loop.py", line 42, in fit',
  '    out = model(batch)',
  '  File "/opt/venv/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1751, in _wrapped_call_impl',
  '    return self._call_impl(*args, **kwargs)',
  '           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^',
  'RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x512 and 256x10)',
];

/**
 * Output as trainings print it, mixed: of 1000 lines 380 say metrics in the styles of home-made loops, nanoGPT and Megatron, 200 are the dicts of Hugging Face,
 * 100 are progress bars that were redrawn five times each, 100 come from four ranks, 80 are warnings and log records, 95 are blank, 45 belong to tracebacks.
 */
export function mixedLog(lines: number): Uint8Array {
  const random = numbers();
  const parts: Uint8Array[] = [];
  let text: string[] = [];
  const encode = (): void => {
    parts.push(Buffer.from(`${text.join('\n')}\n`));
    text = [];
  };
  const f = (digits: number): string => (random(10_000_000) / 10_000_000).toFixed(digits);
  for (let i = 0; i < lines;) {
    const kind = random(1000);
    if (kind < 5) {
      for (const line of TRACEBACK.slice(0, lines - i)) text.push(line);
      i += TRACEBACK.length;
      continue;
    }
    i++;
    const epoch = Math.floor((i * 100) / lines) + 1;
    if (kind < 140) text.push(`Epoch ${epoch}/100 | train_loss ${f(4)} | val_loss ${f(4)} | val_acc ${f(4)} | grad_norm ${f(4)}`);
    else if (kind < 260) text.push(`iter ${i}: loss ${f(4)}, time ${100 + random(90)}.${random(90)}ms, mfu 3${random(9)}.${random(90)}%`);
    else if (kind < 385)
      text.push(
        ` iteration ${i}/ ${lines} | consumed samples: ${i * 512} | elapsed time per iteration (ms): ${1000 + random(999)}.1 | learning rate: 1.${random(999)}E-04 | lm loss: 2.${random(999999)}E+00 | grad norm: 0.${random(999)} |`,
      );
    else if (kind < 585)
      text.push(`{'loss': ${f(4)}, 'grad_norm': ${f(12)}, 'learning_rate': ${f(5)}e-05, 'epoch': ${epoch}.${random(99)}}`);
    else if (kind < 685) {
      const bar = (at: number): string =>
        ` ${at}%|███▌      | ${at * 10}/1000 [01:${10 + random(50)}<03:2${random(9)},  4.${random(90)}it/s, loss=${f(3)}]`;
      text.push([0, 1, 2, 3, 4, 5].map((n) => bar(n + random(90))).join('\r'));
    } else if (kind < 785) text.push(`[rank${random(4)}]: step ${i} loss ${f(4)} lr 1.0e-04 tokens/s ${10_000 + random(900)}`);
    else if (kind < 825)
      text.push(
        `/opt/venv/lib/python3.11/site-packages/torch/utils/data/dataloader.py:${random(900)}: UserWarning: This DataLoader will create ${random(16)} workers`,
      );
    else if (kind < 865)
      text.push(
        `2024-05-01 12:${10 + random(49)}:${10 + random(49)},${100 + random(899)} - trainer - INFO - Saving model checkpoint to out/checkpoint-${i}`,
      );
    else if (kind < 960) text.push('');
    else text.push(`  warnings.warn("it was seen ${random(99)} times")`);
  }
  encode();
  return Buffer.concat(parts);
}
