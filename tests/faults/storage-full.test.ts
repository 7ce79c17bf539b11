import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diskTrouble } from '../../src/base/disk/trouble.ts';
import { readHistory } from '../../src/catalog/history.ts';
import { ChecksumWriter } from '../../src/snapshot/checksums.ts';
import { hostHook, leftoversIn, snapshotsIn } from '../support/backups.ts';
import { type Attempt, type DiskStack, diskStack } from '../support/disk-stack.ts';
import { type Level, rounds, victimOf } from '../support/fullness.ts';
import { bookOf } from '../support/reliability/book.ts';
import { runTool } from '../support/scratch.ts';

const book = bookOf('storage-full');

describe('a backups disk that gets full after the checks', () => {
  const stacks: DiskStack[] = [];

  beforeAll(async () => {
    stacks.push(...(await Promise.all([0, 1].map(() => diskStack({ mib: 32, inodes: 512 })))));
  });
  afterAll(async () => {
    await Promise.all(stacks.map((one) => one[Symbol.asyncDispose]()));
  });

  const expectFull = async (one: DiskStack, attempt: Attempt, said: string): Promise<void> => {
    expect(attempt.ended.exitCode, attempt.ended.stderr).toBe(1);
    expect(attempt.error).toMatchObject({
      code: 'space-short',
      message: expect.stringContaining(`the file system of ${one.backups} ${said}: `),
      next: expect.stringContaining('Free some space there'),
    });
    await one.expectUnharmed(attempt);
    expect(await one.expectClean(attempt)).toMatchObject({
      outcome: 'failed',
      error: { code: 'space-short', message: attempt.error?.message },
    });
    // Where nothing could be shared with the snapshot before, that is told, too.
    expect(attempt.warnings.filter((code) => code !== 'base-lost')).toEqual([]);
  };

  const tryLevels = async (
    one: DiskStack,
    warm: boolean,
    levels: readonly Level[],
  ): Promise<readonly Attempt[]> => {
    const attempts: Attempt[] = [];
    for (const [phase, leave] of levels) {
      const strike = async (): Promise<void> => {
        await one.rewrite();
        await one.disk.fill(leave * 1024);
      };
      const attempt = await one.attempt(strike, phase, { warm });
      await one.disk.empty();
      await expectFull(one, attempt, 'is full');
      attempts.push(attempt);
    }
    return attempts;
  };

  it.each(rounds)(
    'must bring the services back and leave nothing when there is no room $when',
    async ({ cold, warm, victims: expected, phases }) => {
      const [one, two] = stacks as [DiskStack, DiskStack];
      const settled = await Promise.allSettled([tryLevels(one, false, cold), tryLevels(two, true, warm)]);
      for (const each of settled) if (each.status === 'rejected') throw each.reason;
      const attempts = settled.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
      expect(attempts.map(victimOf)).toEqual(expect.arrayContaining([...expected]));
      expect(attempts.map(({ phase }) => phase)).toEqual(expect.arrayContaining([...phases]));
      book.survived('backups disk full', attempts);
    },
  );

  /** The listings that are removed just before make room for it, so no level meets it. */
  it('must say so when it is the list of checksums that finds no room', async () => {
    const { disk, backups } = stacks[0] as DiskStack;
    await disk.fill(0);
    const file = join(backups, 'SHA256SUMS');
    try {
      await using sums = await ChecksumWriter.create(file);
      await sums.add([{ path: Buffer.from('a'), sha256: '0'.repeat(64) }]);
      const thrown = await sums.finish().catch((error: unknown) => error);
      expect(await diskTrouble(thrown, backups)).toMatchObject({
        code: 'space-short',
        message: `the file system of ${backups} is full: cannot write SHA256SUMS: ENOSPC: no space left on device, write`,
      });
    } finally {
      await rm(file);
      await disk.empty();
    }
  });

  it('must do so without inodes, and say that it is these', async () => {
    const attempts = await Promise.all(
      stacks.map(async (one, which) => {
        const fill = async (): Promise<void> => {
          await one.rewrite();
          await one.disk.fillInodes([0, 2][which] ?? 0);
        };
        const attempt = await one.attempt(fill, 'while-stopped', { warm: false });
        await one.disk.empty();
        return attempt;
      }),
    );
    for (const [which, one] of stacks.entries())
      await expectFull(one, attempts[which] as Attempt, 'has no inodes left');
    expect(attempts.map(victimOf)).toEqual(['journal', 'copy']);
    book.survived('backups disk without inodes', attempts);
  });

  it('must do so when the data has grown, and when a dump is larger than the disk', async () => {
    const [one, two] = stacks as [DiskStack, DiskStack];
    const inData = (command: string) => () => one.stack.compose('exec', '-T', 'db', 'sh', '-c', command);
    const large = ['head', '-c', '40000000', '/dev/zero'];
    const hooks = [hostHook('dump', large, { phase: 'before-stop', save: 'zeros' })];
    const [grown, dumped] = await Promise.all([
      one.attempt(inData('head -c 40000000 /dev/urandom >/data/grown'), 'before-stop'),
      two.attempt(async () => undefined, 'finally', { hooks }),
    ]);
    await expectFull(one, grown, 'is full');
    expect(victimOf(grown), grown.error?.message).toBe('copy');
    await two.expectUnharmed(dumped);
    expect(dumped.ended.exitCode).toBe(1);
    expect(dumped.error).toMatchObject({
      code: 'hook-failed',
      message: expect.stringMatching(/hook dump: cannot write dumps\/host\/zeros: ENOSPC/),
      next: expect.stringContaining('Free space in the backups folder'),
    });
    expect(await two.expectClean(dumped)).toMatchObject({
      outcome: 'failed',
      error: { code: 'hook-failed' },
    });
    expect(dumped.events.filter((event) => event.type === 'container')).toEqual([]);
    await inData('rm /data/grown')();
    book.survived('data or a dump larger than the free space', [grown, dumped]);
  });

  it('must make a good snapshot as soon as there is room again, after all of that', async () => {
    await Promise.all(stacks.map((one) => one.expectNextGood()));
  });

  it('must keep a good snapshot for which the history has no room, and say so', async () => {
    const [one] = stacks as [DiskStack];
    const known = (await readHistory(one.backups)).length;
    const earlier = await snapshotsIn(one.backups);
    // Not even the block that the journal gives back is enough for what is to be remembered of this run.
    const tags = Array.from({ length: 24 }, (_, at) => ['--tag', `t${at}=${'x'.repeat(250)}`]).flat();
    const attempt = await one.attempt(() => one.disk.fill(0), 'finally', {}, tags);
    await one.disk.empty();
    expect(attempt.ended.exitCode, attempt.ended.stderr).toBe(3);
    expect(attempt.warnings).toEqual(['history-unwritten']);
    expect(await leftoversIn(one.backups)).toEqual([]);
    expect(await readHistory(one.backups)).toHaveLength(known);
    const [made, ...more] = (await snapshotsIn(one.backups)).filter((path) => !earlier.includes(path));
    expect(more).toEqual([]);
    expect(await runTool(['verify', made ?? ''])).toMatchObject({ exitCode: 0 });
    await one.expectNextGood();
    expect(await readHistory(one.backups)).toHaveLength(known + 1);
    book.survived('no room for the history', [{}]);
  });
});
