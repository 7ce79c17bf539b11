import { messageOf } from '../../../base/errors.ts';
import type { RunContext } from '../../context.ts';
import { type Journal, writeJournal } from '../../journal.ts';
import type { Found } from '../../recovery/journals.ts';
import { type SettledData, settleData } from './settle-data.ts';

/**
 * Brings the data of a restore that died half-way to one of its two ends, and notes it: killed after that, the
 * next recovery only starts what ran. A journal that somebody else can write is not followed: it says which
 * paths are written to.
 */
export const settleDead = async (
  journal: Journal,
  context: RunContext,
  { backups, path, isOurs }: Pick<Found, 'backups' | 'path' | 'isOurs'>,
): Promise<SettledData> => {
  const { restore, containers, id } = journal;
  const hopeless = (problem: string): SettledData => ({
    data: 'half-restored',
    problems: [problem],
    stopped: [],
  });
  if (restore === undefined) return hopeless('its journal does not say what of');
  if (!isOurs)
    return hopeless(
      'its journal belongs to another user, or others may write to it: that user has to recover it',
    );
  const settled = await settleData(context, { run: id, backups, restore, containers });
  if (settled.data === 'half-restored') return settled;
  try {
    const done = { ...journal, restore: { ...restore, data: settled.data }, phase: 'starting' } as const;
    await writeJournal(path, done);
  } catch (error) {
    context.warn({ code: 'journal-left', message: messageOf(error) });
  }
  return settled;
};
