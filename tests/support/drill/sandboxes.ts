import { readFile } from 'node:fs/promises';
import type { CheckResult, DrillRecord } from '../../../src/run/drill/record.ts';
import { historyPath } from '../../../src/snapshot/layout.ts';
import { containerIds, networkIds, volumeNames } from '../ask-engine.ts';
import { leftoversIn } from '../backups.ts';

/** What `drill --json` prints. */
export type DrillJson = DrillRecord & { readonly results: readonly CheckResult[] };

const lines = (text: string): readonly string[] => text.split('\n').filter(Boolean);

/** Everything of a drill that the engine has: `containers`, `networks`, `volumes`, by their ids or names. */
export const sandboxOf = async (
  run: string,
): Promise<Readonly<Record<'containers' | 'networks' | 'volumes', readonly string[]>>> => {
  const ofDrill = { label: `io.stack-backup.drill=${run}` };
  // Without our label, too: the engine makes a volume that a container names and nobody has made.
  const named = run === '' ? [] : await volumeNames({ name: `${run}_` });
  return {
    containers: await containerIds(ofDrill),
    networks: await networkIds(ofDrill),
    volumes: [...new Set([...(await volumeNames(ofDrill)), ...named])],
  };
};

const nothing = { containers: [], networks: [], volumes: [] };

/** What a drill has left anywhere; `nothing` and no files when it has cleaned up behind itself. */
export const leftBy = async (run: string, backups: string) => ({
  engine: await sandboxOf(run),
  files: await leftoversIn(backups),
});

export const clean = { engine: nothing, files: [] };

/** The drills in the history, oldest first. */
export const drillsIn = async (backups: string): Promise<readonly DrillRecord[]> =>
  lines(await readFile(historyPath(backups), 'utf8'))
    .map((line) => JSON.parse(line) as { kind?: string })
    .filter(({ kind }) => kind === 'drill') as unknown as readonly DrillRecord[];
