import type { Home } from '../project/home.ts';

/** The person's own folder; the code that reads it is loaded when it is first needed. */
export async function openHome(): Promise<Home> {
  const { Home: Constructor } = await import('../project/home.ts');
  return new Constructor();
}
