import { chmod, chown, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BadInput, Bench, configWith, eventsIn, type Refusal } from '../../support/bad-input.ts';
import { docker } from '../../support/containers.ts';
import { mountedMemory } from '../../support/mounted.ts';

const unusable = { exit: 1, code: 'backups-unusable' } as const;
const short = { exit: 1, code: 'space-short' } as const;

/** Root without the right to pass over permissions. */
const ordinary = ['setpriv', '--bounding-set=-dac_override,-dac_read_search'];

const plain = configWith('    logs: false\n');
const into = (backups: string): string => plain.replace('./backups', backups);

describe('a backups folder that cannot take the snapshot, and data that is not there', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await Bench.open();
  });
  afterAll(() => bench?.[Symbol.asyncDispose]());
  beforeEach(() => rm(bench.backups, { recursive: true, force: true }));

  /** The dry run finds it too: it makes the same checks. */
  const refuses = (bad: Omit<BadInput, 'what'>) =>
    bench.refuses({ what: '', config: plain, ...bad }, ['plan', 'shop']);

  it('a file in its place', async () => {
    await writeFile(bench.backups, 'something of somebody');
    await refuses({
      ...unusable,
      says: ['the backups folder @/backups cannot be used: @/backups is no folder'],
      next: 'Choose another path with `backups:` or --backups.',
    });
  });

  it('a file above it', async () => {
    await writeFile(bench.backups, 'something of somebody');
    await refuses({
      ...unusable,
      config: into('./backups/deep/er'),
      says: ['the backups folder @/backups/deep/er cannot be'],
      next: 'choose another path with --backups',
    });
  });

  it('a link to nowhere', async () => {
    await symlink('/nowhere/at/all', bench.backups);
    await refuses({
      ...unusable,
      says: ['the backups folder @/backups cannot be written to (ENOENT)'],
      next: '--backups',
    });
  });

  it('a disk that is mounted read-only', async () => {
    await using disk = await mountedMemory(bench.backups, 'size=64m');
    await writeFile(join(bench.backups, 'earlier'), 'something');
    await disk.remount('ro');
    const doctor = await bench.run({ args: ['doctor'] });
    expect(doctor.exitCode).toBe(1);
    expect(doctor.stdout).toMatch(/^MISSING backups folder +.* cannot be written to \(EROFS\)$/m);
    await refuses({
      ...unusable,
      says: ['the backups folder @/backups cannot be written to (EROFS)'],
      next: 'Mount it writable, run as a user who may write there, or choose another path with --backups.',
    });
  });

  it('a folder of somebody else', async () => {
    await mkdir(bench.backups, { mode: 0o700 });
    await chown(bench.backups, 65534, 65534);
    await chmod(bench.stack.folder, 0o755);
    await refuses({
      ...unusable,
      through: ordinary,
      says: [/the backups folder .*\/backups cannot be (written to|read) \(EACCES\)/],
      next: /run as a user who may (read and )?write there/i,
    });
  });

  it('a disk that is full', async () => {
    await using _disk = await mountedMemory(bench.backups, 'size=32m');
    // As much as there is: the last write fails for want of space.
    await expect(writeFile(join(bench.backups, 'film'), Buffer.alloc(33 << 20))).rejects.toThrow('ENOSPC');
    await refuses({
      ...short,
      says: [/backups has 0 MiB free; the snapshot needs about \d+ MiB/],
      next: 'Free some space there, or choose another folder with `backups:` or --backups.',
    });
  });

  it('fewer bytes than the data needs', async () => {
    const app = await bench.stack.container('app');
    await docker('exec', app, 'dd', 'if=/dev/zero', 'of=/data/big', 'bs=1M', 'count=24', 'status=none');
    try {
      // Enough for all but the data.
      await using _disk = await mountedMemory(bench.backups, 'size=30m');
      await refuses({
        ...short,
        says: ['@/backups has 30 MiB free; the snapshot needs about 41 MiB'],
        next: 'Free some space there',
      });
    } finally {
      await docker('exec', app, 'rm', '/data/big');
    }
  });

  it('fewer inodes than there are files', async () => {
    const app = await bench.stack.container('app');
    await docker('exec', app, 'sh', '-c', 'mkdir /data/many && cd /data/many && seq 200 | xargs touch');
    try {
      await using _disk = await mountedMemory(bench.backups, 'size=64m,nr_inodes=150');
      await refuses({
        ...short,
        says: [/backups has 149 inodes free; the snapshot needs about 2\d\d/],
        next: 'Free some space there',
      });
    } finally {
      await docker('exec', app, 'rm', '-r', '/data/many');
    }
  });

  it('a folder inside of a bind that is copied', async () => {
    const { folder } = bench.stack;
    await refuses({
      ...unusable,
      config: into('./files/backups'),
      says: ['the backups folder @/files/backups lies inside @/files, which is to be copied'],
      next: 'Choose a folder outside of it, or leave @/files out with `exclude:`.',
    });
    expect(await readdir(join(folder, 'files'))).toEqual(['here']);
  });

  it('a folder inside of a volume that is copied, behind a link', async () => {
    const volume = `${bench.stack.project}_data`;
    const mountpoint = await docker('volume', 'inspect', '--format', '{{.Mountpoint}}', volume);
    await symlink(mountpoint, bench.backups);
    await refuses({
      ...unusable,
      config: into('./backups/here'),
      says: ['the backups folder @/backups/here lies inside {project}_data, which is to be copied'],
      next: 'Choose a folder outside of it, or leave {project}_data out with `exclude:`.',
    });
    expect(await readdir(mountpoint)).toEqual([]);
  });

  it('a folder that holds what is copied', async () => {
    await refuses({
      ...unusable,
      config: into('.'),
      says: ['the backups folder @ holds @/files, which is to be copied'],
      next: 'Choose another backups folder, or leave @/files out with `exclude:`.',
    });
    expect(await readdir(bench.stack.folder)).not.toContain('.stack-backup');
  });

  it('a bind whose host path is gone, while its service still has it', async () => {
    const { folder } = bench.stack;
    await rename(join(folder, 'files'), join(folder, 'moved'));
    try {
      await refuses({
        exit: 1,
        code: 'copy-failed',
        says: ['the host path @/files is gone, and app still has it mounted'],
        next: 'Bring it back, or recreate the service',
      });
    } finally {
      await rename(join(folder, 'moved'), join(folder, 'files'));
    }
  });

  it('is told by a run as by any other that fails: on the terminal, to cron, and to machines', async () => {
    await writeFile(bench.backups, 'something of somebody');
    await bench.configure(plain);
    const refusal: Refusal = {
      ...unusable,
      says: ['the backups folder @/backups cannot be used: @/backups is no folder'],
      next: 'Choose another path',
    };
    const [loud, quiet, json] = await bench.untouched(
      async () =>
        [
          await bench.run({ args: ['shop'] }),
          await bench.run({ args: ['shop', '--quiet'] }),
          await bench.run({ args: ['shop', '--json'] }),
        ] as const,
    );
    bench.refusedInWords(loud, refusal);
    expect(loud.stdout).toMatch(
      /^✗ shop {2}failed · no snapshot · services as before · no downtime · total /,
    );
    bench.refusedInWords(quiet, refusal);
    expect(quiet.stdout).toBe('');
    expect(eventsIn(json).map((event) => event.type)).toEqual([
      'run-started',
      'phase',
      'error',
      'run-finished',
    ]);
    expect(eventsIn(json).at(-1)).toMatchObject({ outcome: 'failed' });
  });
});
