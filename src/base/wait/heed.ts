/**
 * What `work` comes to, or the signal's reason as soon as it aborts. The work itself is not ended by that: it
 * is left behind, and what becomes of it is nobody's concern any more. Nothing is begun when it has aborted.
 */
export const heeding = async <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work(), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
};

/** The longest time a timer of Node can wait, ms; a longer one would fire at once. */
export const longestTimer = 2 ** 31 - 1;

/** Aborts after so many ms, or as late as a timer can. */
export const afterMs = (ms: number): AbortSignal => AbortSignal.timeout(Math.min(ms, longestTimer));

/** Resolves after so many ms; rejects with the signal's reason when it aborts before. */
export const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => {
    clearTimeout(timer);
    reject(signal?.reason);
  };
  const timer = setTimeout(() => {
    signal?.removeEventListener('abort', onAbort);
    resolve();
  }, ms);
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  return promise;
};
