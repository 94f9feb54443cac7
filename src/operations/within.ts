/**
 * Waits for work no longer than `ms`, even if the work does not notice that its signal was aborted then: a pod that is frozen confirms nothing, not even an end.
 *
 * @returns null when the time was up
 */
export async function within<T extends object>(
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | null> {
  const over = new AbortController();
  const onAbort = () => over.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) over.abort();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => {
      resolve(null);
      over.abort();
    }, ms);
  });
  try {
    const working = work(over.signal);
    // What becomes of it after that is nobody's concern.
    working.catch(() => undefined);
    return await Promise.race([working, late]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
