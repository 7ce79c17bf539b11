import { mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BackSource, putBack } from '../../../src/copy/back/back.ts';
import { database } from '../nights/sets/database.ts';
import { changePages, pageBytes } from '../nights/sets/set.ts';
import { run } from '../run.ts';
import { knowledgeOf } from './snapshot.ts';

/** What a turn works with. */
export interface Place {
  readonly source: BackSource;
  /** The folder that the snapshot is of. */
  readonly live: string;
  /** A free path on the same file system. */
  readonly fresh: string;
  readonly scale: number;
  readonly signal: AbortSignal;
  /** A folder for what the safety snapshot of a turn knows of `live`. */
  readonly kept: string;
  /** The same, of the turn under way. */
  known?: BackSource;
}

/** One way to have the data back. `prepare` is not counted. */
export interface Way {
  readonly title: string;
  prepare(place: Place, round: number): Promise<void>;
  restore(place: Place): Promise<void>;
}

const emptied = async ({ fresh }: Place): Promise<void> => {
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh);
};

const treeOf = ({ folder, mount }: BackSource): string => join(folder, mount.path);

/** One file in a hundred: written over, emptied, gone, or with another one beside it. */
const damageFiles = async ({ live }: Place, round: number): Promise<void> => {
  const names = (await readdir(join(live, 'base'))).filter((name) => name.startsWith('table-')).sort();
  const count = Math.max(4, Math.round(names.length / 100) * 3);
  for (let at = 0; at < count; at++) {
    const path = join(live, 'base', names[(round * count + at) % names.length] ?? '');
    if (at % 4 === 0) await changePages(path, Array(128).keys());
    else if (at % 4 === 1) await truncate(path, pageBytes);
    else if (at % 4 === 2) await rm(path);
    else await writeFile(`${path}.new`, Buffer.alloc(1024 * 1024, 1));
  }
};

const rsync = (place: Place, to: string): Promise<unknown> =>
  run(['rsync', '-aHAXS', '--delete', `${treeOf(place.source)}/`, `${to}/`], { signal: place.signal });

/** As a restore does it, which has just read the whole snapshot. */
const back = async (place: Place, path: string, known?: BackSource): Promise<void> => {
  const source = { ...place.source, wholeSince: BigInt(Date.now()) * 1_000_000n };
  await putBack(source, { kind: 'host', path }, { signal: place.signal, ...(known && { known }) });
};

/** A restore begins with a safety snapshot, some time after the damage. It is not counted: it can be left out. */
const keepPresent = async (place: Place): Promise<void> => {
  await new Promise((done) => setTimeout(done, 100));
  place.known = await knowledgeOf(place.live, place.kept, place.source);
};

export const ways = {
  copyAll: {
    title: 'all with `cp -a`',
    prepare: (place) => rm(place.fresh, { recursive: true, force: true }),
    restore: async (place) =>
      void (await run(['cp', '-a', '-T', treeOf(place.source), place.fresh], { signal: place.signal })),
  },
  rsyncAll: {
    title: 'all with `rsync -aHAXS --delete`',
    prepare: emptied,
    restore: async (place) => void (await rsync(place, place.fresh)),
  },
  ownAll: { title: 'all with stack-backup', prepare: emptied, restore: (place) => back(place, place.fresh) },
  rsyncPart: {
    title: '1 % with `rsync -aHAXS --delete`',
    prepare: damageFiles,
    restore: async (place) => void (await rsync(place, place.live)),
  },
  ownPart: {
    title: '1 % with stack-backup',
    prepare: async (place, round) => {
      await damageFiles(place, round);
      await keepPresent(place);
    },
    restore: (place) => back(place, place.live, place.known),
  },
  ownScattered: {
    title: '1 % with stack-backup, half of it pages all over a large file',
    prepare: async (place, round) => {
      await database.change(place.live, place.scale, round + 1);
      await keepPresent(place);
    },
    restore: (place) => back(place, place.live, place.known),
  },
} as const satisfies Readonly<Record<string, Way>>;
