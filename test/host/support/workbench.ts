import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

/**
 * A built VS Code runs tests only under its smoke test driver, and then it shows no toasts; and while tests run it answers
 * every modal dialog by itself. Tests of what a person sees need both. The version is pinned, so the two places are changed in
 * what the browser gets; a version where they read otherwise fails here, in so many words.
 */
const changes: readonly (readonly [from: string, to: string, times: number])[] = [
  // Test parameters count without the driver.
  ['if(this.payload&&(!this.isBuilt||this.enableSmokeTestDriver))', 'if(this.payload)', 1],
  // Confirmations and file dialogs are shown in tests, too.
  ['this.environmentService.isExtensionDevelopment&&!!this.environmentService.extensionTestsLocationURI}', 'false}', 2],
];

let text: string | undefined;

export async function showWhatAPersonSees(page: Page, hostModules: string): Promise<void> {
  text ??= changed(readFileSync(join(hostModules, 'code-server/lib/vscode/out/vs/code/browser/workbench/workbench.js'), 'utf8'));
  const body = text;
  await page.route('**/out/vs/code/browser/workbench/workbench.js', (route) => route.fulfill({ contentType: 'text/javascript', body }));
}

function changed(source: string): string {
  return changes.reduce((result, [from, to, times]) => {
    const parts = result.split(from);
    if (parts.length !== times + 1)
      throw new Error(`This version of VS Code reads otherwise than workbench.ts expects: ${parts.length - 1} × "${from}".`);
    return parts.join(to);
  }, source);
}
