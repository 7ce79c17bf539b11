import { randomUUID } from 'node:crypto';
import { lstat, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { syncFileSystem } from '../../base/disk.ts';
import { StackBackupError } from '../../base/errors.ts';
import type { FileMoment } from './fingerprint.ts';

/** Times of files move in ticks of the kernel's clock, 10 ms at most: a change so shortly before may look older. */
export const marginNs = 25_000_000n;
/** How far the clock of files may fall behind a clock that only goes forward before it was set back. */
const jumpMs = 200;

const second = 1_000_000_000n;

/** The time that a file gets which changes now, ns since 1970. All file systems of one kernel share this clock. */
const fileClock = async (folder: string): Promise<bigint> => {
  const stamp = join(folder, `stamp-${randomUUID()}`); // mounts are copied side by side
  await writeFile(stamp, '');
  try {
    return (await lstat(stamp, { bigint: true })).ctimeNs;
  } finally {
    await rm(stamp);
  }
};

export const momentOf = (ns: bigint): FileMoment => ({
  seconds: Number(ns / second),
  ns: Number(ns % second),
});

/**
 * Numbers that statfs(2) gives for file systems whose change times come from this kernel's clock, and move
 * with every change and every rename: ext2 to ext4, XFS, Btrfs, F2FS, ZFS, tmpfs, overlayfs, bcachefs.
 * Of others (NFS, SMB, FUSE) neither is known.
 */
const trusted = new Set([
  0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x2fc12fc1, 0x01021994, 0x794c7630, 0xca451a4e,
]);

/** Whether change times can tell what changed below this path. */
export const tellsChanges = async (path: string): Promise<boolean> => trusted.has((await statfs(path)).type);

/** From when on a change counts, for files copied after it; and whether the clock has been set back since. */
export interface Stamp {
  /** Entries whose change time is before this one are as they were copied, if their records are equal. */
  readonly since: bigint;
  /** Rejects when the clock of files was set back since the stamp: then no comparison of times can be trusted. */
  assertForward(): Promise<void>;
}

/** A server that holds the backups gives files its own time: the stamp needs a file of this kernel's. */
const localFolder = async (folder: string): Promise<string> => {
  for (const candidate of [folder, tmpdir()]) if (await tellsChanges(candidate)) return candidate;
  throw new StackBackupError('copy-failed', `neither ${folder} nor ${tmpdir()} is on a local file system`, {
    next: 'Set TMPDIR to a folder on a disk of this machine, or `warm: false` and `incremental: false`.',
  });
};

/**
 * Takes the time of files, less a margin. `folder` is one of ours. With `flush`
 * the file system of that path is synced afterwards: what had been changed through a memory map before is
 * then write-protected, so that each later write moves the change time again. Only then is a file quiet
 * that looks as it did when it was copied (COPY-FACTS; git calls the others "racily clean").
 */
export const takeStamp = async (
  folder: string,
  options: { readonly flush?: string; readonly signal?: AbortSignal } = {},
): Promise<Stamp> => {
  const place = await localFolder(folder);
  const now = await fileClock(place);
  const tick = performance.now(); // after the file's: a process that has to wait in between sees no jump
  if (options.flush !== undefined) await syncFileSystem(options.flush, options.signal);
  return {
    since: now - marginNs,
    assertForward: async () => {
      const passed = performance.now() - tick; // before the file's, for the same reason
      const went = Number((await fileClock(place)) - now) / 1e6;
      if (went < passed - jumpMs) throw new ClockSetBack();
    },
  };
};

/** The clock of this machine was set back while changes were looked for by their times. */
class ClockSetBack extends StackBackupError {
  constructor() {
    super('copy-failed', 'the clock was set back while files were copied', {
      next: 'Nothing was changed; run the backup again when the clock is right.',
    });
  }
}
