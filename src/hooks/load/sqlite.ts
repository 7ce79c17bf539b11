import { basename, dirname, join } from 'node:path';
import { StackBackupError } from '../../base/errors.ts';
import { operate } from '../sqlite/operate.ts';
import { locatePlace } from '../sqlite/place.ts';
import { requireSameRows, sideBySide } from './rows.ts';
import { copyBeside, onDisk, removeSet, standingOf, swapFiles, unswapFiles } from './sqlite-files.ts';
import type { LoadContext, LoadKind, LoadSource, SqliteLoadPlan } from './types.ts';

/** Longest file name, with room for `-journal` behind it. */
const longestName = 240;

/** A name beside `path` with something behind it; what does not fit is cut off in front of that. */
const beside = (path: string, suffix: string): string => {
  const name = Buffer.from(basename(path)).subarray(0, longestName - suffix.length);
  return join(dirname(path), name.toString('utf8').replace(/\uFFFD+$/, '') + suffix);
};

const planOf = async (context: LoadContext, source: LoadSource, token: string): Promise<SqliteLoadPlan> => {
  const { container, hostPaths } = context;
  const { dump, folder } = source;
  const database = dump.database ?? '';
  if (!hostPaths)
    throw new StackBackupError(
      'hook-failed',
      `${database} of service ${container.service} is out of reach: this engine's paths are not this machine's`,
      {
        next: 'Run stack-backup on the engine’s own host, or restore the volume itself instead of the dump.',
      },
    );
  const { host, exists } = await locatePlace(container.details.mounts, database);
  return {
    kind: 'sqlite',
    token,
    service: container.service,
    file: join(folder, dump.path),
    database,
    exists,
    tables: dump.tables,
    target: host,
    fresh: beside(host, `.loading-${token}`),
    kept: beside(host, `.before-${token}`),
  };
};

const preview = async (context: LoadContext, source: LoadSource, token: string) => {
  const { signal } = context;
  const plan = await planOf(context, source, token);
  const look = { check: 'none', checkpoint: false, count: true } as const;
  const dump = await operate(source.dump.path, signal, { ...look, source: plan.file, use: 'quiet' });
  // One that is too damaged to be counted is what a restore is for.
  const live = { ...look, source: plan.target, use: 'live', settled: context.settled === true } as const;
  const now = plan.exists
    ? await operate(plan.database, signal, live).catch((error) => {
        if (signal.aborted) throw error;
      })
    : undefined;
  return { plan, bytes: source.dump.bytes, tables: sideBySide(now?.tables, plan.tables ?? dump.tables) };
};

const load = (context: LoadContext, plan: SqliteLoadPlan): Promise<void> =>
  onDisk(plan, async () => {
    const { signal } = context;
    const standing = await standingOf(plan);
    // Begun by a swap before: what is loaded then is good.
    if (standing.kept) return;
    await copyBeside(plan, standing.target, signal);
    const { tables } = await operate(plan.database, signal, {
      source: plan.fresh,
      check: 'full',
      checkpoint: false,
      use: 'quiet',
      count: true,
    });
    requireSameRows(`the SQLite database ${plan.database}`, tables ?? [], plan.tables);
  });

const swap = (_context: LoadContext, plan: SqliteLoadPlan): Promise<void> =>
  onDisk(plan, async () => {
    const standing = await standingOf(plan);
    if (standing.kept && !standing.fresh) return;
    if (!standing.fresh)
      throw new StackBackupError('hook-failed', `nothing is loaded to take the place of ${plan.database}`, {
        next: 'Begin the restore again.',
      });
    if (standing.target && !plan.exists)
      throw new StackBackupError('stack-changed', `${plan.database} has been made meanwhile`, {
        next: 'Stop what writes it, then restore again.',
      });
    await swapFiles(plan, standing);
  });

/** A dump of an SQLite file, copied beside the live one and swapped in by renaming. Nobody may have it open. */
export const sqliteLoad: LoadKind<SqliteLoadPlan> = {
  preview,
  load,
  swap,
  settle: (_context, plan) =>
    onDisk(plan, async () => {
      const { kept, fresh } = await standingOf(plan);
      if (kept && !fresh) await removeSet(plan.kept);
    }),
  undo: (_context, plan) => onDisk(plan, async () => unswapFiles(plan, await standingOf(plan))),
  rows: async ({ container, signal }, database) => {
    const { host } = await locatePlace(container.details.mounts, database);
    const request = { source: host, use: 'live', check: 'none', checkpoint: false, count: true } as const;
    return (await operate(database, signal, request)).tables ?? [];
  },
  state: async (_context, plan) => {
    const { fresh, kept } = await standingOf(plan);
    if (fresh) return 'loaded';
    return kept ? 'swapped' : 'none';
  },
};
