import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { removeTree } from '../../src/base/disk.ts';
import { finishCopy } from '../../src/copy/finish.ts';
import type { CopyResult } from '../../src/copy/types.ts';
import { HashedAhead } from '../../src/copy/warm/ahead.ts';
import { captureDelta } from '../../src/copy/warm/delta.ts';
import type { Base } from '../../src/copy/warm/types.ts';
import { warmTree } from '../../src/copy/warm/warm.ts';
import { warmArchive } from '../../src/copy/warm/warm-archive.ts';
import { ChecksumWriter } from '../../src/snapshot/checksums.ts';
import { FileHasher } from '../../src/snapshot/hashing.ts';
import { archivePath, volumePath } from '../../src/snapshot/layout.ts';
import { casesOf } from './cases.ts';
import { attributes, contents } from './compare.ts';
import { applyEdits, type Edit, edits } from './edits.ts';
import { volumeTask } from './made-snapshot.ts';
import { must } from './odd-tree.ts';
import { temporaryFolder } from './temporary.ts';

const list = async (root: string, ...what: readonly string[]): Promise<readonly string[]> => {
  const bytes = await must(['find', '.', ...what], root);
  return bytes.toString('latin1').split('\0').sort();
};

/** Everything of a tree that a copy has to have, but for the links. */
export const everything = async (root: string, folderTimes = true) => ({
  entries: await list(
    root,
    '-type',
    'd',
    '-printf',
    folderTimes ? '%y %m %U %G %T@ %p\\0' : '%y %m %U %G %p\\0',
    '-o',
    '-printf',
    '%y %m %U %G %s %T@ %p %l\\0',
  ),
  contents: await contents(root),
  attributes: await attributes(root),
});

/** Names that share an inode, as groups. A snapshot shares inodes with others: those do not show here. */
export const links = async (root: string): Promise<readonly string[]> => {
  const groups = new Map<string, string[]>();
  for (const line of await list(root, '-type', 'f', '-printf', '%i %p\\0')) {
    const [inode = '', path = ''] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)];
    if (path !== '') groups.set(inode, [...(groups.get(inode) ?? []), path]);
  }
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => group.sort().join('\0'))
    .sort();
};

interface Night {
  /** Made before the snapshot, while it is being copied, and between the copy and the stop. */
  readonly before: readonly Edit[];
  readonly during: readonly Edit[];
  readonly between: readonly Edit[];
  /** What can be done before the last edits, and before the services are back, is done then. */
  readonly isAhead?: boolean;
}

const night = fc.record({ before: edits(25), during: edits(12), between: edits(8), isAhead: fc.boolean() });

/**
 * Unpacking one file over another adds attributes to a folder, and takes none away (docs/how-it-works.md): not when
 * it lost them, nor when another folder took its name.
 */
const withoutLoss = (changes: readonly Edit[]): readonly Edit[] =>
  changes
    .filter(({ kind }) => kind !== 'attributeOff')
    .map((edit) => (edit.kind === 'attribute' ? { ...edit, kind: 'attributeOfFile' } : edit));

const forForm = (changes: Night, form: 'tree' | 'archive'): Night => {
  if (form === 'tree') return changes;
  const { before, during, between, ...others } = changes;
  return {
    ...others,
    before: withoutLoss(before),
    during: withoutLoss(during),
    between: withoutLoss(between),
  };
};

export const snapshotOf = async (
  source: string,
  snapshot: string,
  base: Base | undefined,
  form: 'tree' | 'archive',
  { before, during, between, isAhead = true }: Night,
): Promise<CopyResult> => {
  await applyEdits(source, before);
  await mkdir(snapshot);
  const editing = applyEdits(source, during);
  const onBaseLost = (why: string): void => {
    throw new Error(why);
  };
  const options = { bytes: 0, base, onBaseLost };
  const warm =
    form === 'tree'
      ? await warmTree(volumeTask('v', source), snapshot, options)
      : await warmArchive(
          { ...volumeTask('v', source), path: archivePath(volumePath('v')) },
          snapshot,
          options,
        );
  await editing;
  // As if other mounts were copied meanwhile: all that can be is hashed before the last edits are made.
  await using ahead = new HashedAhead(snapshot, { least: 1 });
  if (isAhead) await ahead.add(warm, 0);
  await ahead.settled();
  await applyEdits(source, between);
  const copied = await captureDelta(warm, snapshot, { quiet: true });
  await using sums = await ChecksumWriter.create(join(snapshot, 'SHA256SUMS'));
  await using hasher = new FileHasher(snapshot);
  const result = await finishCopy(copied, { snapshot, sums, hasher, ahead });
  await sums.finish();
  return result;
};

export const baseOf = (snapshot: string, { task, index, settled, parts = [] }: CopyResult): Base => ({
  folder: snapshot,
  path: task.path,
  parts,
  index: join(snapshot, index),
  settled: settled ?? 0n,
});

export interface NightOptions {
  /** Where the sources and the snapshots are made; both in the system's folder for temporary files otherwise. */
  readonly sources?: string;
  readonly snapshots?: string;
  /** So many rounds exactly; otherwise as many as there is time for. */
  readonly rounds?: number;
}

/** No further round is begun after so long, ms, nor after so many. */
const limitMs = casesOf(8_000);
const mostRounds = casesOf(25);

/** A night after the other, each snapshot on the base of the one before; `check` looks at each result. */
export const nightAfterNight = async (
  form: 'tree' | 'archive',
  check: (source: string, snapshot: string, result: CopyResult) => Promise<void>,
  { sources, snapshots, rounds }: NightOptions = {},
): Promise<void> => {
  const until = performance.now() + limitMs;
  let tried = 0;
  // The first round is always made: fast-check's own limit would call it a failure when a busy machine is late.
  const isLate = (): boolean => rounds === undefined && tried++ > 0 && performance.now() > until;
  await fc.assert(
    fc.asyncProperty(fc.array(night, { minLength: 2, maxLength: 3 }), async (nights) => {
      if (isLate()) return;
      const folder = await temporaryFolder('warm', snapshots);
      const apart = await temporaryFolder('source', sources);
      try {
        const source = join(apart, 'source');
        await mkdir(source);
        let base: Base | undefined;
        for (const [number, changes] of nights.entries()) {
          const snapshot = join(folder, `snapshot-${number}`);
          const result = await snapshotOf(source, snapshot, base, form, forForm(changes, form));
          await check(source, snapshot, result);
          base = baseOf(snapshot, result);
        }
      } finally {
        await removeTree(folder);
        await removeTree(apart);
      }
    }),
    { endOnFailure: true, numRuns: rounds ?? mostRounds },
  );
};
