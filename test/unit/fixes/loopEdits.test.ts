import assert from 'node:assert/strict';
import { suggestLoopEdit } from '../../../src/fixes/loopEdits.ts';
import { accumulateGradients, clipGradients } from '../../../src/monitor/fixes.ts';
import type { Fix } from '../../../src/monitor/finding.ts';

type Suggestion = Extract<Fix, { kind: 'suggest-edit' }>;

/** The text with the suggested edit, or null. */
function edited(text: string, fix: Fix): string | null {
  const edit = suggestLoopEdit(text, fix as Suggestion);
  if (edit === null) return null;
  assert.equal(text.slice(edit.start, edit.start + edit.oldText.length), edit.oldText);
  assert.equal(text.slice(0, edit.start).split('\n').length, edit.line);
  return text.slice(0, edit.start) + edit.newText + text.slice(edit.start + edit.oldText.length);
}

const loop = `import torch

def train(net, loader):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for i, (x, y) in enumerate(loader):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
`;

describe('gradient clipping as an edit', () => {
  it('stands before the step, with the model’s own name and the loop’s indentation', () => {
    assert.equal(
      edited(loop, clipGradients),
      loop.replace(
        '        optimizer.step()',
        '        torch.nn.utils.clip_grad_norm_(net.parameters(), max_norm=1.0)\n        optimizer.step()',
      ),
    );
  });

  it('finds attributes, tabs and other imports', () => {
    const text = 'from torch import nn, optim\n\tself.opt = optim.Adam(self.net.parameters())\n\t\tself.opt.step()  # one batch\n';
    assert.equal(
      edited(text, clipGradients),
      text.replace('\t\tself.opt', '\t\tnn.utils.clip_grad_norm_(self.net.parameters(), max_norm=1.0)\n\t\tself.opt'),
    );
  });

  it('keeps the line ends of the file', () => {
    const windows = (text: string): string => text.replaceAll('\n', '\r\n');
    assert.equal(edited(windows(loop), clipGradients), windows(edited(loop, clipGradients)!));
    assert.equal(edited(windows(loop), accumulateGradients), windows(edited(loop, accumulateGradients)!));
  });

  it('unscales first where a gradient scaler steps', () => {
    const text = loop.replace('loss.backward()', 'scaler.scale(loss).backward()').replace('optimizer.step()', 'scaler.step(optimizer)');
    assert.match(
      edited(text, clipGradients)!,
      /\n {8}scaler\.unscale_\(optimizer\)\n {8}torch\.nn\.utils\.clip_grad_norm_\(net\.parameters\(\), max_norm=1\.0\)\n {8}scaler\.step\(optimizer\)\n/,
    );
  });

  it('is no edit where it is there already, or not clear where it belongs', () => {
    for (const text of [
      loop.replace('loss.backward()', 'loss.backward()\n        torch.nn.utils.clip_grad_norm_(net.parameters(), 5)'),
      loop + loop,
      loop.replace('torch.optim.SGD(net.parameters()', 'torch.optim.SGD([*net.parameters(), *head.parameters()]'),
      loop.replace('import torch\n', ''),
      loop.replace('optimizer.step()', 'pass'),
      loop.replace('        optimizer.step()', '        # optimizer.step()'),
      '',
    ])
      assert.equal(edited(text, clipGradients), null, text);
  });
});

describe('gradient accumulation as an edit', () => {
  it('steps every second batch and after the last, and keeps the size of the gradient', () => {
    assert.equal(
      edited(loop, accumulateGradients),
      `import torch

def train(net, loader):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for i, (x, y) in enumerate(loader):
        loss = torch.nn.functional.mse_loss(net(x), y)
        (loss / 2).backward()
        if (i + 1) % 2 == 0 or i + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()
`,
    );
  });

  it('is the same where the gradients are cleared after the step', () => {
    const after = loop
      .replace('        optimizer.zero_grad()\n', '')
      .replace('optimizer.step()\n', 'optimizer.step()\n        optimizer.zero_grad()\n');
    assert.equal(edited(after, accumulateGradients), edited(loop, accumulateGradients));
  });

  it('is no edit where the loop does not count its batches, or does it another way', () => {
    for (const text of [
      loop.replace('for i, (x, y) in enumerate(loader)', 'for x, y in loader'),
      loop.replace('loss.backward()', 'accelerator.backward(loss)'),
      loop.replace('        optimizer.step()', '        if ready:\n            optimizer.step()'),
      loop + loop,
    ])
      assert.equal(edited(text, accumulateGradients), null, text);
  });
});
