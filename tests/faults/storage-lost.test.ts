import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { syncFileSystem } from '../../src/base/disk.ts';
import { run } from '../../src/base/process.ts';
import { readHistory } from '../../src/catalog/history.ts';
import { leftoversIn } from '../support/backups.ts';
import { type Attempt, type DiskStack, diskStack } from '../support/disk-stack.ts';
import { guardiansOf } from '../support/guardians.ts';
import { type LoopDisk, loopDisk } from '../support/loop-disk.ts';
import { bookOf } from '../support/reliability/book.ts';
import { until } from '../support/until.ts';
import { fingerprint } from '../support/untouched.ts';

const book = bookOf('storage-lost');

const phases = ['before-stop', 'while-stopped', 'after-start'] as const;

describe('a backups disk that is lost during the run', () => {
  const stacks: DiskStack[] = [];

  beforeAll(async () => {
    stacks.push(...(await Promise.all([0, 1, 2].map(() => diskStack({ mib: 32 })))));
  });
  afterAll(() => Promise.all(stacks.map((one) => one[Symbol.asyncDispose]())));

  /** The same fault in each phase, on the stacks side by side; it is over before anything is looked at. */
  const inEachPhase = async (
    strike: (one: DiskStack) => Promise<unknown>,
    mend: (one: DiskStack, phase: string) => Promise<unknown>,
    look: (one: DiskStack, attempt: Attempt) => Promise<unknown>,
  ): Promise<readonly Attempt[]> => {
    const settled = await Promise.allSettled(
      stacks.map(async (one, at) => {
        const phase = phases[at] as string;
        const attempt = await one.attempt(() => strike(one), phase);
        await mend(one, phase);
        expect(attempt.ended.exitCode, attempt.ended.stderr).toBe(1);
        await one.expectUnharmed(attempt);
        await look(one, attempt);
        await one.expectNextGood();
        const runs = (await readHistory(one.backups)).map(({ run, outcome }) => `${run} ${outcome}`);
        const run = attempt.events.find((event) => event.type === 'run-started')?.id;
        expect(runs.at(-2)).toBe(`${run} failed`);
        return attempt;
      }),
    );
    for (const one of settled) if (one.status === 'rejected') throw one.reason;
    return settled.map((one) => (one as PromiseFulfilledResult<Attempt>).value);
  };

  it('must be survived when every access to it fails', async () => {
    const attempts = await inEachPhase(
      (one) => one.disk.breakDown(),
      (one) => one.disk.repair(),
      async (one, attempt) => {
        expect(attempt.error).toMatchObject({
          code: 'backups-unusable',
          message: expect.stringMatching(
            / (fails|has become read-only): .*(EIO|EROFS|Input\/output|Read-only)/,
          ),
          next: expect.stringContaining('kernel log'),
        });
        expect(attempt.error?.message).toContain(one.backups);
        expect(attempt.warnings).toContain('history-unwritten');
      },
    );
    book.survived('backups disk fails with EIO', attempts);
  });

  it('must be survived when it becomes read-only', async () => {
    const attempts = await inEachPhase(
      (one) => one.disk.remount('ro'),
      (one) => one.disk.remount('rw'),
      async (one, attempt) => {
        expect(attempt.error).toMatchObject({
          code: 'backups-unusable',
          message: expect.stringContaining(`the file system of ${one.backups} has become read-only: EROFS`),
          next: expect.stringContaining('mount it writable again'),
        });
        expect(attempt.warnings.toSorted()).toEqual(['history-unwritten', 'journal-left', 'partial-left']);
        expect(await leftoversIn(one.backups)).toHaveLength(2);
      },
    );
    book.survived('backups disk becomes read-only', attempts);
  });

  it('must be survived when it is unmounted, with nothing written underneath', async () => {
    const underneath = new Map<DiskStack, readonly string[] | undefined>();
    const attempts = await inEachPhase(
      async (one) => {
        await one.disk.unmount();
        // Somebody has made a backup in there before, without the disk: that must not mislead either.
        if (one !== stacks[0]) {
          for (const name of ['runs', 'tmp'])
            await mkdir(join(one.backups, '.stack-backup', name), { recursive: true });
          await writeFile(join(one.backups, '.stack-backup', 'history.ndjson'), '');
        }
        underneath.set(one, await fingerprint(one.backups));
      },
      async (one) => {
        const found = await fingerprint(one.backups);
        await rm(join(one.backups, '.stack-backup'), { recursive: true, force: true });
        await one.disk.mount();
        expect(found).toEqual(underneath.get(one));
      },
      async (one, attempt) => {
        expect(attempt.error).toMatchObject({
          code: 'backups-unusable',
          message: `the backups folder ${one.backups} is not the one in which the run began: its file system was unmounted or replaced meanwhile`,
          next: expect.stringContaining('Mount it again'),
        });
        expect(attempt.warnings.toSorted()).toEqual(['history-unwritten', 'journal-left', 'partial-left']);
        expect(await leftoversIn(one.backups)).toHaveLength(2);
      },
    );
    book.survived('backups disk unmounted', attempts);
  });

  it('must not keep the services down when the tool is killed at the same time', async () => {
    const losses = [
      [(disk: LoopDisk) => disk.unmount(), (disk: LoopDisk) => disk.mount()],
      [(disk: LoopDisk) => disk.breakDown(), (disk: LoopDisk) => disk.repair()],
    ] as const;
    const tried = losses.map(async ([lose, mend], at) => {
      const one = stacks[at] as DiskStack;
      let killed = Number.NaN;
      const attempt = await one.attempt(async (tool) => {
        await lose(one.disk);
        killed = Date.now();
        tool.kill('SIGKILL');
        await tool.ended;
      });
      expect(attempt.phase).toBe('while-stopped');
      // Nothing but the guardian can do it, from what it was told before: the journal is out of reach.
      await until('the services are back', one.isBack);
      const backMs = Date.now() - killed;
      await until('the guardian has gone', async () => (await guardiansOf(one.backups)).length === 0);
      await mend(one.disk);
      await one.expectUnharmed(attempt);
      await one.expectNextGood();
      const runs = (await readHistory(one.backups)).map(({ run, outcome }) => `${run} ${outcome}`);
      const run = attempt.events.find((event) => event.type === 'run-started')?.id;
      expect(runs.filter((line) => line.startsWith(`${run}`))).toEqual([`${run} failed`]);
      return { backMs };
    });
    book.survived('backups disk lost and the tool killed at once', await Promise.all(tried));
  });

  it('must not take a flush for done that was not', async () => {
    const { disk, backups } = stacks[0] as DiskStack;
    await writeFile(join(backups, 'data'), Buffer.alloc(1 << 20, 'x'));
    await disk.breakDown();
    await expect(syncFileSystem(backups)).rejects.toMatchObject({
      code: 'backups-unusable',
      message: expect.stringContaining('Input/output error'),
    });
    await disk.repair();
    await rm(join(backups, 'data'), { force: true });
  });
});

describe('a source on a disk that fails during the copy', () => {
  it.concurrent.each([
    ['a bind, copied by cp', 'bound', /cp: .*Input\/output error/],
    ['a volume, read through the engine', 'far', /through the engine/],
  ])('must be named, with the services back: %s', async (_title, place, said) => {
    let source: LoopDisk | undefined;
    await using one = await diskStack({ mib: 32 }, async (folder) => {
      source = await loopDisk(join(folder, place), { mib: 16 });
      await writeFile(join(folder, place, 'data'), Buffer.alloc(2 << 20, 'x'));
      return source;
    });
    const data = join(one.stack.folder, place, 'data');
    const attempt = await one.attempt(async () => {
      // What has not changed may not be read again, and what is in memory could be.
      await writeFile(data, Buffer.alloc(2 << 20, 'y'));
      await run(['dd', `of=${data}`, 'oflag=nocache', 'conv=notrunc,fsync', 'count=0', 'if=/dev/null']);
      await source?.breakDown();
    });
    await source?.mend();
    expect(attempt.ended.exitCode, attempt.ended.stderr).toBe(1);
    expect(attempt.error).toMatchObject({ code: 'copy-failed', message: expect.stringMatching(said) });
    expect(attempt.error?.message).toContain(place);
    await one.expectUnharmed(attempt);
    expect(await one.expectClean(attempt)).toMatchObject({
      outcome: 'failed',
      error: { code: 'copy-failed' },
    });
    await one.expectNextGood();
    book.survived('source disk fails with EIO', [attempt]);
  });
});
