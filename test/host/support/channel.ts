/** What the extension host tells the runner outside: one HTTP POST a message, answered when it has been dealt with. */
export type Request =
  | { readonly kind: 'start'; readonly total: number }
  | { readonly kind: 'suite'; readonly title: string; readonly depth: number }
  | { readonly kind: 'pass'; readonly title: string; readonly depth: number; readonly durationMs: number; readonly slow: boolean }
  | { readonly kind: 'fail'; readonly title: string; readonly depth: number; readonly path: readonly string[]; readonly message: string }
  | { readonly kind: 'skip'; readonly title: string; readonly depth: number }
  | { readonly kind: 'end'; readonly error?: string }
  | { readonly kind: 'person'; readonly action: PersonAction; readonly argument: string };

export type PersonAction = 'screenshot' | 'click' | 'press' | 'type' | 'sees' | 'text';

export interface Reply {
  readonly error?: string;
  readonly value?: string;
}

/** The environment variable that names where to post. */
export const channelVariable = 'RPO_TEST_CHANNEL';

export async function ask(request: Request): Promise<Reply> {
  const address = process.env[channelVariable];
  if (address === undefined) return {};
  const response = await fetch(address, { method: 'POST', body: JSON.stringify(request) });
  return (await response.json()) as Reply;
}
