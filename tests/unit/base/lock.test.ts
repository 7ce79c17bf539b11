import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { acquireLock, isLocked, type LockHolder } from '../../../src/base/lock.ts';

const since = new Date('2026-11-21T03:15:00.000Z');
const lock = new URL('../../../src/base/lock.ts', import.meta.url).href;

/** Another process that has the lock, at "copying", when it resolves. */
const heldElsewhere = async (name: string): Promise<ChildProcess> => {
  const program = `
    const { acquireLock } = await import(${JSON.stringify(lock)});
    const lock = await acquireLock(${JSON.stringify(name)}, 'shop', new Date(${since.getTime()}));
    lock.describe('copying');
    console.log('held');
    setInterval(() => undefined, 1e6);`;
  const args = ['--no-warnings', '--input-type=module', '--eval', program];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
};

describe('a lock', () => {
  it('is refused while another has it, telling who, since when and at what, and free afterwards', async () => {
    const name = randomUUID();
    const first = await acquireLock(name, 'shop', since);
    first.describe('copying');
    expect(await isLocked(name)).toBe(true);
    await expect(acquireLock(name, 'shop', since)).rejects.toMatchObject({
      code: 'locked',
      details: { pid: process.pid, since: since.toISOString(), what: 'copying' },
    });
    await first[Symbol.asyncDispose]();
    expect(await isLocked(name)).toBe(false);
    await using _second = await acquireLock(name, 'shop', since);
    expect(await isLocked(randomUUID())).toBe(false);
  });

  it('is had as soon as its holder lets go, by one of those who wait, and then by the others', async () => {
    const name = randomUUID();
    const first = await acquireLock(name, 'shop', since);
    const order: number[] = [];
    const heard: string[] = [];
    const wait = async (number: number): Promise<void> => {
      const onHolder = ({ what }: LockHolder): void => void heard.push(`${number} ${what}`);
      const waiting = { limitMs: 20_000, onHolder };
      const next = await acquireLock(name, 'shop', since, waiting);
      order.push(number);
      await next[Symbol.asyncDispose]();
    };
    const waiting = [1, 2, 3].map(wait);
    while (heard.length < 3) await new Promise(setImmediate);
    first.describe('copying');
    while (heard.length < 6) await new Promise(setImmediate);
    expect(order).toEqual([]);
    await first[Symbol.asyncDispose]();
    await Promise.all(waiting);
    expect(order.toSorted()).toEqual([1, 2, 3]);
    for (const number of [1, 2, 3])
      expect(heard).toEqual(expect.arrayContaining([`${number} starting`, `${number} copying`]));
  });

  it('is had as soon as the process that holds it is killed', async () => {
    const name = randomUUID();
    const other = await heldElsewhere(name);
    const holders: LockHolder[] = [];
    const waiting = acquireLock(name, 'shop', since, {
      limitMs: 20_000,
      onHolder: (holder) => {
        holders.push(holder);
        other.kill('SIGKILL');
      },
    });
    await using _lock = await waiting;
    expect(holders).toEqual([{ pid: other.pid, since: since.toISOString(), what: 'copying' }]);
  });

  it('is given up when the time is over or the wait is interrupted, and its holder keeps it', async () => {
    const name = randomUUID();
    await using _first = await acquireLock(name, 'shop', since);
    await expect(acquireLock(name, 'shop', since, { limitMs: 1_000 })).rejects.toMatchObject({
      code: 'locked',
      details: { pid: process.pid },
    });
    const controller = new AbortController();
    const reason = new Error('interrupted');
    const interrupted = acquireLock(name, 'shop', since, {
      limitMs: 20_000,
      signal: controller.signal,
      onHolder: () => controller.abort(reason),
    });
    await expect(interrupted).rejects.toBe(reason);
    await expect(acquireLock(name, 'shop', since)).rejects.toMatchObject({ code: 'locked' });
  });

  it('is refused, not waited for, when its holder is stopped and cannot say who it is', async () => {
    const name = randomUUID();
    const other = await heldElsewhere(name);
    other.kill('SIGSTOP');
    await expect(acquireLock(name, 'shop', since)).rejects.toMatchObject({ code: 'locked', details: {} });
    expect(await isLocked(name)).toBe(true);
  });

  it('turns away askers beyond a number that could use up the descriptors of its holder', async () => {
    const name = randomUUID();
    const first = await acquireLock(name, 'shop', since);
    const gone = new AbortController();
    const crowd = Array.from({ length: 80 }, () =>
      acquireLock(name, 'shop', since, { limitMs: 20_000, signal: gone.signal }),
    );
    await expect(acquireLock(name, 'shop', since, { limitMs: 300 })).rejects.toMatchObject({
      code: 'locked',
    });
    gone.abort(new Error('enough'));
    expect((await Promise.allSettled(crowd)).map((one) => one.status)).not.toContain('fulfilled');
    await first[Symbol.asyncDispose]();
    await using _next = await acquireLock(name, 'shop', since);
  });
});
