/**
 * Does `work` for every item, in their order, `atOnce` at a time. After the first failure no further item is
 * begun, those under way are told by the signal, and waited for; then that failure is thrown. Results come
 * in the order of the items.
 */
export const inLanes = async <T, R>(
  items: readonly T[],
  atOnce: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<readonly R[]> => {
  const giveUp = new AbortController();
  const both = AbortSignal.any([signal, giveUp.signal]);
  const waiting = items.entries();
  const results: R[] = [];
  let failed: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    for (const [place, item] of waiting) {
      try {
        results[place] = await work(item, both);
      } catch (error) {
        failed ??= { error };
        giveUp.abort();
      }
      if (failed !== undefined) return;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  if (failed !== undefined) throw (failed as { readonly error: unknown }).error;
  return results;
};
