import { sleep } from '../../base/wait/heed.ts';

const everyMs = 10_000;
/** A busy engine may miss one. */
const mostMissed = 3;

/**
 * What `work` comes to, however long it takes, as long as the engine answers pings meanwhile. Some calls have
 * no other limit: an archive is not begun before another one of the same container has ended.
 */
export const whileAnswering = async <T>(ping: () => Promise<void>, work: () => Promise<T>): Promise<T> => {
  const over = new AbortController();
  const watch = async (): Promise<never> => {
    for (let missed = 0; ; ) {
      await sleep(everyMs, over.signal);
      try {
        await ping();
        missed = 0;
      } catch (error) {
        if (++missed === mostMissed) throw error;
      }
    }
  };
  return Promise.race([work(), watch()]).finally(() => over.abort());
};
