import { sourceRecordsPath, workPath } from '../../snapshot/layout.ts';
import type { Captured } from '../changes/capture.ts';
import { captureChanges } from '../changes/pass.ts';
import { takeStamp } from '../changes/stamp.ts';
import type { Copied } from '../types.ts';
import type { Delta, WarmCopy } from './types.ts';

const deltaOf = (warm: WarmCopy, captured: Captured): Delta => {
  const { base } = warm;
  if (warm.form === 'tree') return { form: 'tree', captured, before: warm.before, base };
  const { archive } = captured;
  return {
    form: 'archive',
    captured,
    base,
    layers: archive === undefined ? warm.layers : [...warm.layers, archive],
  };
};

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
  const { task, form } = warm;
  const records = sourceRecordsPath(snapshot, task.path);
  const stamp = await takeStamp(workPath(snapshot));
  const { captured } = await captureChanges(warm, {
    records,
    into: `${records}.delta`,
    live: false,
    archiveOnly: form === 'archive',
    last: true,
    quiet: options.quiet,
    ...(warm.form === 'tree' && { cloning: warm.cloning }),
    signal: options.signal,
  });
  const settled = options.quiet ? stamp.since : warm.since;
  return {
    task,
    form,
    ms: Math.round(performance.now() - from),
    lost: [],
    warnings: [],
    ...(settled > 0n && { settled }),
    delta: deltaOf(warm, captured),
  };
};
