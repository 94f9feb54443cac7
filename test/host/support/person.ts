import { ask, type Request } from './channel.ts';

/**
 * The person in front of the window, for tests that run inside the extension host. Selectors are playwright's
 * (`text=Deploy`, `.notifications-toasts .monaco-button >> text=Retry`); each waits up to 30 s for what it names.
 * Where there is no browser (npm run test:electron) `available` is false and screenshots are skipped.
 */
export const person = {
  available: process.env['RPO_TEST_PERSON'] === '1',
  screenshot: (name: string) => act({ kind: 'person', action: 'screenshot', argument: name }),
  click: (selector: string) => act({ kind: 'person', action: 'click', argument: selector }),
  press: (keys: string) => act({ kind: 'person', action: 'press', argument: keys }),
  type: (text: string) => act({ kind: 'person', action: 'type', argument: text }),
  /** Waits until it is visible. */
  sees: (selector: string) => act({ kind: 'person', action: 'sees', argument: selector }),
  text: (selector: string) => act({ kind: 'person', action: 'text', argument: selector }),
};

async function act(request: Request): Promise<string> {
  const { error, value } = await ask(request);
  if (error !== undefined) throw new Error(error);
  return value ?? '';
}
