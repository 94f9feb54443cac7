import assert from 'node:assert/strict';
import type { Editor } from '../support/editor';
import { startEditor } from '../support/editor';

/** While a window opens, everything in it wants the processor at once, and the clock of one extension measures the others too: one quiet start is looked for. */
const mostStarts = 3;
const allowedMs = 50;

describe('activation, as "Running Extensions" shows it', function () {
  this.timeout(120_000);
  let editor: Editor;

  before(async () => {
    editor = await startEditor();
  });
  after(() => editor.dispose());

  it(`takes less than ${allowedMs} ms, in one of at most ${mostStarts} starts`, async () => {
    const measured: number[] = [];
    const list = editor.page.locator('.runtime-extensions-editor .monaco-list');
    const row = list.locator('.monaco-list-row', { hasText: 'RunPod Orchestrator' });
    for (let start = 0; start < mostStarts && !measured.some((ms) => ms < allowedMs); start++) {
      if (start > 0) await editor.page.reload();
      await editor.page.locator('.statusbar', { hasText: 'RunPod' }).waitFor();
      await editor.command('Developer: Show Running Extensions');
      await list.locator('.monaco-list-row').first().waitFor();
      // The slowest are at the top, and only those in sight are there at all.
      await list.focus();
      await editor.page.keyboard.press('End');
      const time = row.locator('.activation-time', { hasText: /\d+ms/ });
      await time.waitFor();
      measured.push(Number(/(\d+)ms/.exec((await time.textContent()) ?? '')?.[1]));
      await editor.screenshot(`activation-${start + 1}`);
      await editor.page.keyboard.press('Escape');
    }
    console.log(`      activation: ${measured.join(', ')} ms`);
    assert.ok(Math.min(...measured) < allowedMs, measured.join(', '));
  });
});
