import { join } from 'node:path';
import type { Clock } from '../../../base/clock.ts';
import type { DataState } from '../../../base/events.ts';
import { readManifest } from '../../../snapshot/manifest.ts';
import type { Manifest } from '../../../snapshot/types.ts';
import { appendHistory, rememberedOutcome } from '../../history.ts';
import { type Journal, removeJournal, writeJournal } from '../../journal.ts';
import { downOf, type RunRecord } from '../../record.ts';
import { removeMark } from '../../restore/data/mark.ts';
import { restoreRecord } from '../../restore/record.ts';
import type { Found } from '../journals.ts';
import { stillDown } from '../left.ts';
import type { Recovered } from '../recover.ts';

/** The snapshot of a run that died after it had given it its name. */
const publishedBy = async ({ backups, journal }: Found): Promise<Manifest | undefined> => {
  const manifest = await readManifest(join(backups, journal.snapshot)).catch(() => undefined);
  return manifest?.run === journal.id ? manifest : undefined;
};

const diedError = ({ told, phase, process: { pid } }: Journal): NonNullable<RunRecord['error']> =>
  told === undefined
    ? {
        code: 'died',
        message: `the run died in phase ${phase} (its process, pid ${pid}, was gone); it was recovered`,
      }
    : { code: told, message: 'what the run had left down was looked after again' };

/** A restore has not come to its end unless the data has: its safety snapshot is not what it was for. */
const restoreEndOf = (
  { backups, journal }: Found,
  published: Manifest | undefined,
  data: DataState,
): Pick<RunRecord, 'outcome' | 'error' | 'path' | 'bytes' | 'files'> => {
  const outcomes = { restored: 'complete-with-warnings', 'half-restored': 'services-down' } as const;
  const { bytes, files } = published?.totals ?? { bytes: 0, files: 0 };
  return {
    outcome: data === 'restored' || data === 'half-restored' ? outcomes[data] : 'failed',
    ...(data === 'restored' ? {} : { error: diedError(journal) }),
    ...(published === undefined ? {} : { path: join(backups, journal.snapshot) }),
    bytes,
    files,
  };
};

const endOf = (
  found: Found,
  published: Manifest | undefined,
  data: DataState | undefined,
): Pick<RunRecord, 'outcome' | 'error' | 'path' | 'bytes' | 'files'> => {
  const { backups, journal } = found;
  if (data !== undefined) return restoreEndOf(found, published, data);
  if (published !== undefined)
    return {
      outcome: 'complete-with-warnings',
      path: join(backups, journal.snapshot),
      bytes: published.totals.bytes,
      files: published.totals.files,
    };
  return { outcome: 'failed', error: diedError(journal), bytes: 0, files: 0 };
};

const recordOf = (
  found: Found,
  published: Manifest | undefined,
  { ledger, warnings, data }: Recovered,
  clock: Clock,
): RunRecord => {
  const { journal } = found;
  const finished = clock.now();
  const down = downOf(ledger);
  const isDone = data === undefined ? published !== undefined : data === 'restored';
  const end = endOf(found, published, data);
  const died = {
    code: 'died-late',
    message: `the run died when its ${data === undefined ? 'snapshot was complete' : 'data was restored'}; it was recovered`,
  };
  return {
    version: 1,
    ...(data === undefined || journal.restore === undefined
      ? {}
      : { kind: 'restore' as const, restore: restoreRecord(journal.restore, data) }),
    run: journal.id,
    instance: journal.instance,
    project: journal.project,
    snapshot: journal.snapshot,
    type: journal.type,
    tags: published?.tags ?? {},
    started: journal.started,
    finished: finished.toISOString(),
    ...end,
    ...(down.length > 0 ? { outcome: 'services-down' as const } : {}),
    downtimeMs: published?.downtime.maxMs ?? 0,
    windowMs: published?.downtime.windowMs ?? 0,
    totalMs: Math.max(0, finished.getTime() - Date.parse(journal.started)),
    down,
    warnings: isDone && journal.told === undefined ? [...warnings, died] : warnings,
  };
};

/** A run that was killed after it had told its outcome, and before its journal said so or was gone. */
const withWhatWasTold = async (found: Found): Promise<Found> => {
  const { backups, journal } = found;
  const told = journal.told ?? (await rememberedOutcome(backups, journal.id));
  return told === undefined ? found : { ...found, journal: { ...journal, told } };
};

/** Whether there is something that has not been told yet. */
const isNews = ({ told }: Journal, { down }: RunRecord): boolean =>
  told === undefined || (told === 'services-down') !== down.length > 0;

/** What hooks are told: of a run that was killed, or of services that are back at last. */
const outcomeFor = ({ told }: Journal, { outcome, path }: RunRecord): string => {
  if (outcome === 'services-down') return outcome;
  if (told !== undefined) return 'recovered';
  return path === undefined ? 'killed' : outcome;
};

/** The journal goes when nothing is left to do; else it says what, and what has been told of it. */
const settle = async (found: Found, recovered: Recovered, record: RunRecord): Promise<void> => {
  const left = await stillDown(recovered.context.engine, recovered.ledger);
  const isHalf = recovered.data === 'half-restored';
  if (left.length === 0 && recovered.isClean && !isHalf) return removeJournal(found.path);
  // Written by this process it would be believed the next time, whoever has made it up.
  if (!found.isOurs) return;
  const told =
    found.journal.told !== undefined && !isNews(found.journal, record) ? found.journal.told : record.outcome;
  const phase = isHalf ? 'restoring' : 'starting';
  const { restore } = found.journal;
  await writeJournal(found.path, {
    ...found.journal,
    phase,
    told,
    containers: left,
    ...(restore === undefined || recovered.data === undefined || isHalf
      ? {}
      : { restore: { ...restore, data: recovered.data } }),
  });
};

/**
 * Tells what became of a dead run, when the services are back: `finally` hooks, then the history (with what
 * the hooks said), then the journal goes. Killed in between, the next recovery tells it again: better twice
 * than not at all. What has been told before is not told again.
 */
export const tellAftermath = async (dead: Found, recovered: Recovered): Promise<RunRecord> => {
  const { context } = recovered;
  const found = await withWhatWasTold(dead);
  const { journal } = found;
  const published = await publishedBy(found);
  const first = recordOf(found, published, recovered, context.clock);
  // Those of an instance are for its backups: a restore runs none of its hooks.
  if (isNews(journal, first) && journal.kind !== 'restore') {
    // Loaded only now: what reads configurations is large, and the services did not have to wait for it.
    const { runFinallyHooks } = await import('./finally.ts');
    await runFinallyHooks(journal, context, found.isOurs, {
      outcome: outcomeFor(journal, first),
      ...(first.path !== undefined && { snapshot: first.path }),
    });
  }
  const record = recordOf(found, published, recovered, context.clock);
  if (isNews(journal, record)) await appendHistory(found.backups, record);
  await settle(found, recovered, record);
  // What the dead run could only say there is on the disk now, or of no use to anybody any more.
  if (journal.kind === 'restore' && recovered.data !== 'half-restored')
    await removeMark(context.engine, journal.id).catch(() => undefined);
  return record;
};
