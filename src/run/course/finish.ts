import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fsyncDirectory } from '../../base/disk.ts';
import type { Copied } from '../../copy/types.ts';
import type { HashedAhead } from '../../copy/warm/ahead.ts';
import type { Manifest } from '../../snapshot/types.ts';
import { momentOf, type Run } from '../run.ts';
import { imagesOf, writeComposeRecord } from '../stages/compose-record.ts';
import { type LastFacts, manifestOf } from '../stages/describe.ts';
import { finishFolder } from '../stages/publish.ts';

/** What the window brought: the copies, and the moment whose data they have. */
export interface Kept {
  readonly copied: readonly Copied[];
  readonly consistent: Date;
  /** What is hashed of them already. */
  readonly ahead: HashedAhead;
}

/** What a kind of run has to do while its snapshot is finished. */
export interface Finishing {
  /** Before the hashing begins. */
  begin?(): Promise<void>;
  /** When all but the manifest is written: says what else belongs into it. */
  end(): Promise<LastFacts>;
}

/** Makes a complete snapshot of what was copied: records, hashes, index, checksums, manifest. It has no name yet. */
export const finishSnapshot = async (run: Run, kept: Kept, { begin, end }: Finishing): Promise<Manifest> => {
  const { context, plan, folder } = run;
  const images = await imagesOf(context, plan);
  await writeComposeRecord(folder, plan, images);
  await begin?.();
  return finishFolder(context, plan, folder, kept, async ({ results, sums }) => {
    const last = await end();
    const now = { finished: momentOf(run), tick: context.clock.tick() };
    return manifestOf(run, { ...last, ...now, consistent: kept.consistent, images, copies: results, sums });
  });
};

/** Gives the finished folder its name: from here on it is a snapshot. */
export const giveName = async (run: Run): Promise<string> => {
  const { backups } = run.plan.instance;
  const path = join(backups, run.snapshot);
  try {
    await rename(run.folder, path);
    await fsyncDirectory(backups);
  } catch (error) {
    // It may have its name or not when the machine starts again: then it had better have none.
    await rename(path, run.folder).catch(() => undefined);
    throw error;
  }
  return path;
};
