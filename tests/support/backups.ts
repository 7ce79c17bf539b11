import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readHistory } from '../../src/catalog/history.ts';
import type { RunRecord } from '../../src/run/record.ts';
import { historyPath, journalsPath, temporariesPath } from '../../src/snapshot/layout.ts';
import type { Manifest } from '../../src/snapshot/types.ts';
import { containerIds, imageIds } from './ask-engine.ts';
import type { ContainerState } from './states.ts';

const listed = (folder: string): Promise<readonly string[]> =>
  readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });

/** Paths of what a person sees in a backups folder, oldest first. */
export const snapshotsIn = async (backups: string): Promise<readonly string[]> =>
  (await listed(backups))
    .filter((name) => !name.startsWith('.'))
    .sort()
    .map((name) => join(backups, name));

export const manifestOf = async (snapshot: string | undefined): Promise<Manifest> =>
  JSON.parse(await readFile(join(snapshot ?? 'no snapshot', 'manifest.json'), 'utf8')) as Manifest;

/** The manifest of the newest snapshot. */
export const newestManifest = async (backups: string): Promise<Manifest & { readonly folder: string }> => {
  const folder = (await snapshotsIn(backups)).at(-1) ?? 'no snapshot';
  return { ...(await manifestOf(folder)), folder };
};

/** What a run must not leave behind: temporary folders, journals. */
export const leftoversIn = async (backups: string): Promise<readonly string[]> => [
  ...(await listed(temporariesPath(backups))),
  ...(await listed(journalsPath(backups))),
];

export const lastRun = async (backups: string): Promise<RunRecord> => {
  const last = (await readHistory(backups)).at(-1);
  if (last === undefined) throw new Error(`nothing in ${historyPath(backups)}`);
  return last;
};

/** Helper containers that a run made for its copies through the engine: there are none but while it is at work. */
export const holdersOf = (run: string): Promise<readonly string[]> =>
  containerIds({ label: `io.stack-backup.run=${run}` });

/** The empty images that it made for them, which go with them. */
export const holderImagesOf = (run: string): Promise<readonly string[]> =>
  imageIds(`stack-backup/holder:${run}`);

/** Writes backup.config.yaml with these instances (JSON is YAML, too); `$` stands for itself. */
export const writeConfig = async (
  folder: string,
  instances: Readonly<Record<string, object>>,
): Promise<void> => {
  const text = JSON.stringify({ backups: './backups', timezone: 'UTC', instances }, null, 2);
  await writeFile(join(folder, 'backup.config.yaml'), text.replaceAll('$', '$$$$'));
};

/** What must be the same after a backup: everything but when a container was started and has ended. */
export const lasting = (all: readonly ContainerState[]) =>
  all.map(({ id, name, state, health, restartPolicy }) => ({ id, name, state, health, restartPolicy }));

/** A service that does nothing and ends at once when it is told to. */
export const idle = (more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  image: 'debian:bookworm-slim',
  command: ['sh', '-c', 'trap "exit 0" TERM; sleep infinity & wait'],
  ...more,
});

/** The same without a network of its own, for stacks that need none: it takes as long to set up as all the rest. */
export const unwired = (more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> =>
  idle({ network_mode: 'host', ...more });

/** A compose file as text. */
export const composeText = (
  services: Readonly<Record<string, object>>,
  more: Readonly<Record<string, unknown>> = {},
): string => JSON.stringify({ services, ...more });

/** A command on the host as a hook of the configuration; `while-stopped` unless told. */
export const hostHook = (
  name: string,
  command: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
): object => ({ kind: 'command', host: true, name, phase: 'while-stopped', command, ...more });
