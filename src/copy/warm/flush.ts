import { setTimeout } from 'node:timers/promises';
import { syncFileSystem } from '../../base/disk.ts';

const pauseMs = 100;

/** Less than this is on the disk before anybody notices. */
export const leastFlushedBytes = 64 * 1024 * 1024;

/**
 * Does the copying, and has what it writes flushed to the disk meanwhile, and all of it at the end. Else it would
 * be flushed when services stop: the engine unmounts the file system of a container that ends, which flushes
 * the whole disk it lies on, and the stop waits for that. The disk has nothing else to do while the processors
 * copy. Rejects with what either of them rejects with, when both have ended.
 */
export const flushedBeforeTheStop = async <T>(
  folder: string,
  signal: AbortSignal,
  copying: () => Promise<T>,
): Promise<T> => {
  const over = new AbortController();
  const flushing = async (): Promise<void> => {
    for (let isLast = false; !isLast; ) {
      await setTimeout(pauseMs, undefined, { signal: over.signal }).catch(() => undefined);
      isLast = over.signal.aborted; // what was copied during a flush is not in it
      await syncFileSystem(folder, signal);
    }
  };
  const copied = copying().finally(() => over.abort());
  const [result, flushed] = await Promise.allSettled([copied, flushing()]);
  if (result.status === 'rejected') throw result.reason;
  if (flushed.status === 'rejected') throw flushed.reason;
  return result.value;
};
