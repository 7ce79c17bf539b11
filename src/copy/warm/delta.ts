import { sourceRecordsPath, workPath } from '../../snapshot/layout.ts';
import { captureChanges } from '../changes/pass.ts';
import { takeStamp } from '../changes/stamp.ts';
import type { Copied } from '../types.ts';
import type { WarmCopy } from './types.ts';

/**
 * What changed in a source since its warm copy, while nobody writes to it: one walk, and the changed entries
 * laid aside. Nothing is created in the copy, removed, or hashed before the services are back; `finishCopy`
 * does that. `quiet`: nobody can have the files open any more, not even through a memory map.
 */
export const captureDelta = async (
  warm: WarmCopy,
  snapshot: string,
  options: { readonly quiet: boolean; readonly signal?: AbortSignal },
): Promise<Copied> => {
  const from = performance.now();
  const { task } = warm;
  const records = sourceRecordsPath(snapshot, task.path);
  const stamp = await takeStamp(workPath(snapshot));
  const { captured } = await captureChanges(warm, {
    records,
    into: `${records}.delta`,
    live: false,
    signal: options.signal,
  });
  return {
    task,
    form: 'tree',
    ms: Math.round(performance.now() - from),
    lost: [],
    warnings: [],
    settled: options.quiet ? stamp.since : warm.since,
    delta: { captured, before: warm.before, base: warm.base },
  };
};
