import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StackBackupError } from '../../../src/base/errors.ts';
import type { ContainerDetails, Engine } from '../../../src/docker/engine.ts';
import { type Patience, patientEngine } from '../../../src/docker/patient.ts';

const away = (): StackBackupError => new StackBackupError('engine-unreachable', 'nobody is there');
const late = (): StackBackupError =>
  new StackBackupError('timeout', 'no answer in time', { details: { unanswered: true } });
const forEver = (): Promise<never> => new Promise(() => undefined);

/** Rejects after so many (faked) ms, as a call with its deadline does. */
const lateAfter = (ms: number): Promise<never> =>
  new Promise((_resolve, reject) => setTimeout(() => reject(late()), ms));

/** An engine of which a test gives only what it needs. */
const engineWith = (calls: Partial<Engine>): Engine => calls as Engine;

const minute = 60_000;

describe('an engine that is waited for', () => {
  let told: string[];
  let pings: number[];
  const now = (): number => Math.round(performance.now());

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    told = [];
    pings = [];
  });
  afterEach(() => vi.useRealTimers());

  /** `isThere` says at which times a ping is answered. */
  const patient = (calls: Partial<Engine>, isThere: () => boolean, over: Partial<Patience> = {}) =>
    patientEngine(
      engineWith({
        ping: async () => {
          pings.push(now());
          if (!isThere()) throw away();
        },
        ...calls,
      }),
      {
        limitMs: 10 * minute,
        tick: () => performance.now(),
        onAway: () => told.push(`away ${now()}`),
        onBack: (ms) => told.push(`back after ${ms}`),
        ...over,
      },
    );
  const outcome = (call: Promise<unknown>): Promise<string> =>
    call.then(
      () => `done ${now()}`,
      (error: Error) => `${error.message} ${now()}`,
    );

  it('is asked again and again, ever more seldom, until it answers; then the call is made again', async () => {
    let starts = 0;
    const isThere = (): boolean => now() >= 5_000;
    const engine = patient(
      {
        start: async () => {
          starts++;
          if (!isThere()) throw away();
        },
      },
      isThere,
    );
    const call = outcome(engine.start('db'));
    await vi.advanceTimersByTimeAsync(minute);
    expect(await call).toBe('done 5100');
    expect(starts).toBe(2);
    expect(pings).toEqual([0, 100, 300, 700, 1500, 3100, 5100]);
    expect(told).toEqual(['away 0', 'back after 5100']);
    expect(engine.outages()).toBe(1);
    expect(engine.isAway()).toBe(false);
  });

  it('is asked by one, however many calls have failed, and told of once', async () => {
    const isThere = (): boolean => now() >= 60_000;
    const failing = async (): Promise<void> => {
      if (!isThere()) throw away();
    };
    const engine = patient({ start: failing, stop: failing }, isThere);
    const calls = Array.from({ length: 30 }, (_, at) =>
      outcome(at % 2 === 0 ? engine.start(`s${at}`) : engine.stop(`s${at}`)),
    );
    await vi.advanceTimersByTimeAsync(2 * minute);
    expect(new Set((await Promise.all(calls)).map((text) => text.split(' ')[0]))).toEqual(new Set(['done']));
    expect(pings.length).toBeLessThan(40);
    expect(told).toHaveLength(2);
  });

  it('is given up after the limit, for all calls together', async () => {
    const engine = patient({ start: () => Promise.reject(away()) }, () => false, { limitMs: 30_000 });
    const first = outcome(engine.start('db'));
    await vi.advanceTimersByTimeAsync(minute);
    expect(await first).toBe('nobody is there 30000');
    expect(engine.isAway()).toBe(true);
    const from = now();
    const second = outcome(engine.start('app'));
    await vi.advanceTimersByTimeAsync(minute);
    expect(await second).toBe(`nobody is there ${from}`);
    expect(told).toEqual(['away 0']);
  });

  it('is found out to hang, and given up, long before the call itself runs out of time', async () => {
    const engine = patient({ start: () => lateAfter(minute), ping: () => lateAfter(5_000) }, () => false, {
      limitMs: 20_000,
    });
    const call = outcome(engine.start('db'));
    await vi.advanceTimersByTimeAsync(2 * minute);
    expect(await call).toMatch(/^no answer in time (3\d|4\d)\d{3}$/);
    expect(told).toEqual(['away 15000']);
  });

  it('answers a call that hung when it goes on, without a second one', async () => {
    const isThere = (): boolean => now() >= 30_000;
    let starts = 0;
    const engine = patient(
      {
        start: () => {
          starts++;
          return new Promise<void>((resolve) => setTimeout(resolve, 30_000));
        },
      },
      isThere,
    );
    const call = outcome(engine.start('db'));
    await vi.advanceTimersByTimeAsync(2 * minute);
    expect(await call).toBe('done 30000');
    expect(starts).toBe(1);
    expect(told[0]).toBe('away 10000');
  });

  it('is not blamed for a container that hangs: its call fails, and is not made again', async () => {
    let stops = 0;
    const engine = patient(
      {
        stop: () => {
          stops++;
          return lateAfter(minute);
        },
      },
      () => true,
    );
    const call = outcome(engine.stop('db'));
    await vi.advanceTimersByTimeAsync(5 * minute);
    expect(await call).toBe('no answer in time 60000');
    expect(stops).toBe(1);
    expect(told).toEqual([]);
  });

  it('does not wait after an answer that says no', async () => {
    const no = new StackBackupError('engine-failed', 'no such container', { details: { status: 404 } });
    const engine = patient({ inspect: () => Promise.reject(no) }, () => true);
    expect(await outcome(engine.inspect('db'))).toBe('no such container 0');
    expect(pings).toEqual([]);
  });

  it('has an end also when it answers, but never this call', async () => {
    const engine = patient({ start: () => Promise.reject(away()) }, () => true, { limitMs: minute });
    const call = outcome(engine.start('db'));
    await vi.advanceTimersByTimeAsync(3 * minute);
    expect(await call).toMatch(/^nobody is there 6[0-3]\d{3}$/);
    expect(pings.length).toBeLessThan(50);
  });

  it.each([
    ['pause', 'paused', 1],
    ['pause', 'running', 2],
    ['unpause', 'running', 1],
    ['unpause', 'paused', 2],
  ] as const)('looks before it does %s again: %s needs %d calls', async (name, state, calls) => {
    let made = 0;
    const act = async (): Promise<void> => {
      if (++made === 1) throw away();
    };
    const inspect = async (): Promise<ContainerDetails> => ({ state }) as ContainerDetails;
    const engine = patient({ [name]: act, inspect }, () => true);
    const call = outcome(engine[name]('db'));
    await vi.advanceTimersByTimeAsync(minute);
    expect(await call).toMatch(/^done/);
    expect(made).toBe(calls);
  });

  it('passes on what cannot be made twice', async () => {
    let made = 0;
    const exec = async (): Promise<number> => {
      made++;
      throw away();
    };
    const engine = patient({ exec }, () => true);
    await expect(engine.exec('db', { command: ['true'] })).rejects.toMatchObject({
      code: 'engine-unreachable',
    });
    expect(made).toBe(1);
  });

  it('leaves no timer behind once a call is answered', async () => {
    const engine = patient({ start: async () => undefined, inspect: forEver }, () => true);
    await engine.start('db');
    expect(vi.getTimerCount()).toBe(0);
  });
});
