/** What the patterns look for, so that repeats of it go deep into them. */
export const FRAGMENTS = [
  'a',
  ' ',
  '  ',
  '\t',
  '1',
  '1.',
  '0.5 ',
  'nan ',
  'loss: ',
  'Error: ',
  'RuntimeError: ',
  'CUDA ',
  'out of memory ',
  '(',
  '[',
  '{',
  "'",
  '"',
  '|',
  '│ ',
  ': ',
  '=',
  '-',
  '--> ',
  '    ^^^',
  ')[rank1]:',
  '[00:01<00:02, 3it/s, ',
  "ValueError('",
  'Could not find ',
  '\x1b[',
  '\x1b]',
  '\r',
  '\b',
  '/',
  '.',
  'File "',
  '", line 1, in ',
  'Traceback (most recent call last)',
  'Cell In[1], line 2',
  'class 1: accuracy 0 ',
  'precision recall f1-score support',
  'epoch ',
  '1/2 ',
  '1% ',
  '█',
  '━',
  '\ud83d',
  'é',
  'not found',
  'file ',
  'encoder ',
  'NCCL ',
  'shape ',
  'expected ',
  'Killed',
  'ERROR ',
  '[INFO] ',
  '2024-01-01 00:00:00,000 ',
  '(pid=1) ',
  '[rank0]: ',
  'wandb: ',
  'Average Precision ] = ',
  'decreased (',
  'memory allocation ',
  '@1',
  '^',
  '....',
  ',',
  '\x00',
  'True step 1 ',
  'a=b, ',
  '--a b ',
  'Per-class accuracy: ',
  'confusion matrix: [',
  'checkpoint has 3 x but ',
  'class collapse ',
  'shape a ',
  'if you ',
  '{"log":"',
  '\\n","stream":"stdout"',
  'recall at k = ',
  ' of 9): ',
  'loss.',
  'loss after ',
  '1% 1/2 [0',
  'done: true',
  'Lb: ',
] as const;

/** Bytes of one line in which nothing repeats, the same for the same seed. */
export function noise(size: number, seed: number, kind: 'bytes' | 'printable' | 'pieces'): Uint8Array {
  let state = seed;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % limit;
  };
  if (kind === 'pieces') {
    let text = '';
    while (text.length < size) text += `${FRAGMENTS[below(FRAGMENTS.length)]!}${below(20) === 0 ? '\r' : below(9)}`;
    return new TextEncoder().encode(text.replaceAll('\n', ' '));
  }
  const line = new Uint8Array(size);
  for (let i = 0; i < size; i++) {
    const byte = kind === 'bytes' ? below(256) : i % 80 === 79 ? 13 : 32 + below(95);
    line[i] = byte === 10 ? 13 : byte;
  }
  return line;
}
