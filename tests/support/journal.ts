import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Journal, JournalContainer } from '../../src/run/journal.ts';
import { journalsPath } from '../../src/snapshot/layout.ts';

/** The process that wrote a journal: one of an earlier boot, so that its run is dead for certain. */
export const longGone = { pid: 1, startTime: '1', bootId: 'an earlier boot' };

/** A container as a journal has it: stopped by the run, to be started again. */
export const journalContainer = (
  over: Partial<JournalContainer> & { readonly id: string },
): JournalContainer => ({
  name: `shop-${over.id}-1`,
  service: over.id,
  action: 'stop',
  stateBefore: 'running',
  awaitHealth: false,
  reason: 'quiesce: stop',
  restartPolicy: { name: 'no', maximumRetryCount: 0 },
  startedAt: '2026-11-21T03:00:00Z',
  ...over,
});

/** The journal of a run that died while it copied; its folder lies where such folders lie in `backups`. */
export const deadJournal = (backups: string, over: Partial<Journal> = {}): Journal => ({
  version: 1,
  id: 'shop-20261121-031500-a1b2c3',
  instance: 'shop',
  project: 'shop',
  snapshot: 'shop-20261121-031500',
  type: 'manual',
  engine: { id: 'an engine', endpoint: 'unix:///var/run/docker.sock' },
  process: longGone,
  started: '2026-11-21T03:15:00.000Z',
  phase: 'copying',
  folder: join(backups, '.stack-backup/tmp/shop-20261121-031500-a1b2c3'),
  containers: [journalContainer({ id: 'a'.repeat(64) })],
  wayBack: { needs: [], awaited: [], known: ['a'.repeat(64)], healthMs: 120_000, postStart: [] },
  ...over,
});

/** The journal of a run under way; undefined when there is none. */
export const newestJournal = async (backups: string): Promise<Journal | undefined> => {
  const names = await readdir(journalsPath(backups)).catch(() => []);
  const name = names
    .filter((one) => one.endsWith('.json') && !one.startsWith('.'))
    .sort()
    .at(-1);
  if (name === undefined) return undefined;
  const text = await readFile(join(journalsPath(backups), name), 'utf8').catch(() => 'null');
  return (JSON.parse(text) as Journal | null) ?? undefined;
};
