import { messageOf } from '../../../base/errors.ts';
import type { RunContext } from '../../context.ts';
import { type Journal, type JournalContainer, writeJournal } from '../../journal.ts';
import type { Found } from '../../recovery/journals.ts';
import { markedData, removeMark } from './mark.ts';
import { asItStands, type SettledData, settleData } from './settle-data.ts';

/** The containers as a journal has them whose services are down, to be started: whatever started them before. */
const downAgain = (
  containers: readonly JournalContainer[],
  stopped: SettledData['stopped'],
): readonly JournalContainer[] =>
  containers.map((one) => {
    const startedAt = stopped.get(one.id);
    const { back: _, ...known } = one;
    return startedAt === undefined ? one : { ...known, startedAt };
  });

/**
 * Data that is whole, as the run has left word on the engine because it could write its journal no more: what ran
 * has been started since, and nothing is stopped or set back any more.
 */
const whole = async ({ engine }: RunContext, { id }: Journal): Promise<SettledData | undefined> => {
  const data = await markedData(engine, id);
  return data === undefined ? undefined : { data, problems: [], stopped: new Map() };
};

/**
 * Brings the data of a restore that died half-way to one of its two ends, and notes it: killed after that, the
 * next recovery only starts what ran. A journal that somebody else can write is not followed: it says which
 * paths are written to. `asIs`: somebody has said that the data is to be taken as it stands.
 */
export const settleDead = async (
  journal: Journal,
  context: RunContext,
  { backups, path, isOurs }: Pick<Found, 'backups' | 'path' | 'isOurs'>,
  asIs = false,
): Promise<SettledData> => {
  const { restore, containers, id } = journal;
  const hopeless = (problem: string): SettledData => ({
    data: 'half-restored',
    problems: [problem],
    stopped: new Map(),
  });
  if (restore === undefined) return hopeless('its journal does not say what of');
  if (!isOurs)
    return hopeless(
      'its journal belongs to another user, or others may write to it: that user has to recover it',
    );
  const half = { run: id, backups, restore, containers };
  const settled =
    (await whole(context, journal)) ?? (await (asIs ? asItStands(context, half) : settleData(context, half)));
  if (settled.data === 'half-restored') return settled;
  if (settled.data === 'as-is')
    context.warn({
      code: 'data-as-is',
      message: `${restore.mounts.map(({ name }) => name).join(', ')}: the data may be in part what was there, in part what the snapshot has; it is taken as it stands`,
    });
  try {
    await writeJournal(path, {
      ...journal,
      restore: { ...restore, data: settled.data },
      containers: downAgain(containers, settled.stopped),
      phase: 'starting',
    });
    await removeMark(context.engine, id);
  } catch (error) {
    context.warn({ code: 'journal-left', message: messageOf(error) });
  }
  return settled;
};
