import { formatBytes, formatCount } from '../base/text/amount.ts';
import type { CopyForm } from '../config/types.ts';
import type { Measured } from '../copy/types.ts';

export interface Form {
  readonly form: 'tree' | 'archive';
  readonly reason: string;
}

/**
 * From where on creating files costs clearly more than appending to one (COPY-FACTS, data set B), and how far
 * a volume has to shrink or its files to grow until it is a tree again: a choice that swings back and forth
 * would copy everything anew each time.
 */
const entering = { entries: 20_000, meanBytes: 32 * 1024 };
const staying = { entries: 10_000, meanBytes: 64 * 1024 };

/** How a copy will lie in the snapshot. `before` is the form it has in the newest one. Pure. */
export const decideForm = (
  wanted: CopyForm,
  size: Measured | undefined,
  before: Form['form'] | undefined,
): Form => {
  if (size === undefined) return { form: 'tree', reason: 'its size is not known' };
  if (size.cold !== undefined) return { form: 'tree', reason: size.cold };
  if (wanted !== 'auto') return { form: wanted, reason: `format: ${wanted}` };
  const limit = before === 'archive' ? staying : entering;
  const mean = size.files === 0 ? 0 : size.bytes / size.files;
  const isSparse = size.allocated < size.bytes / 2;
  const isMany = size.entries >= limit.entries && mean <= limit.meanBytes && !isSparse;
  return isMany
    ? {
        form: 'archive',
        reason: `${formatCount(size.entries)} entries of ${formatBytes(mean)} on average`,
      }
    : { form: 'tree', reason: 'few or large files' };
};
