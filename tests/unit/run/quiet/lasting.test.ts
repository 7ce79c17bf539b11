import { describe, expect, it } from 'vitest';
import type { Warning } from '../../../../src/base/events.ts';
import type { ContainerDetails, Engine } from '../../../../src/docker/engine.ts';
import { isRestless, whyDown } from '../../../../src/run/quiet/back/lasting.ts';
import { newLedger } from '../../../../src/run/quiet/ledger.ts';
import { journalContainer } from '../../../support/journal.ts';
import { runContext } from '../../../support/run-context.ts';

type Look = Pick<ContainerDetails, 'state' | 'restartCount' | 'exitCode'>;
const running = (restartCount: number): Look => ({ state: 'running', restartCount, exitCode: 0 });
const restarting = (restartCount: number): Look => ({ state: 'restarting', restartCount, exitCode: 3 });

/** What a last look comes to when the engine shows this, one after the other, and the last one from then on. */
const lookAt = async (
  looks: readonly Look[],
  over: Partial<Parameters<typeof journalContainer>[0]> = {},
  wasRestless = false,
) => {
  const warnings: Warning[] = [];
  let [tick, at] = [0, 0];
  const inspect = async () => {
    tick += 10; // a look takes its time: no other clock is asked
    return looks[Math.min(at++, looks.length - 1)] as ContainerDetails;
  };
  const context = runContext({ inspect } as Partial<Engine> as Engine, {
    clock: { now: () => new Date(0), tick: () => tick },
    warn: (warning) => void warnings.push(warning),
  });
  const [entry] = newLedger([journalContainer({ id: 'a', ...over })]).values();
  if (entry === undefined) throw new Error('no entry');
  const why = await whyDown(context, entry, wasRestless, { watchMs: 200, lastsMs: 50, everyMs: 0 });
  return { why, codes: warnings.map(({ code }) => code), looks: at };
};

describe('the last look at a container that came back', () => {
  it('is one look where it runs, and knows what has ended', async () => {
    expect(await lookAt([running(0)])).toEqual({ why: undefined, codes: [], looks: 1 });
    const ended = await lookAt([{ state: 'exited', restartCount: 0, exitCode: 3 }]);
    expect(ended.why).toBe('it ended again with exit code 3');
  });

  it('finds one that ends at every start, whatever it is at when it is looked at', async () => {
    const looks = Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? running(at) : restarting(at)));
    for (const one of [looks.slice(1), looks.slice(2)])
      expect((await lookAt(one)).why).toContain('again and again (exit code 3)');
    expect((await lookAt([restarting(5)])).why).toContain('again and again');
    const gaveUp = await lookAt([restarting(1), { state: 'exited', restartCount: 2, exitCode: 4 }]);
    expect(gaveUp.why).toBe('it ended again with exit code 4');
  });

  it('gives one that had to wait for others its time', async () => {
    const { why, codes } = await lookAt([restarting(1), running(1), restarting(2), running(2)]);
    expect({ why, codes }).toEqual({ why: undefined, codes: ['restarted'] });
  });

  it('expects no more of one than what it did before, and nothing of one that was only frozen', async () => {
    expect(await lookAt([restarting(9)], { stateBefore: 'restarting' })).toMatchObject({ looks: 1 });
    expect(await lookAt([running(9)], { action: 'pause' })).toMatchObject({ why: undefined, looks: 1 });
    expect(await lookAt([restarting(9)], {}, true)).toMatchObject({ why: undefined, looks: 1 });
    expect([isRestless({ restartCount: 1 }), isRestless({ restartCount: 40 })]).toEqual([false, true]);
  });

  it('bears with a job that its policy starts anew whenever it is done', async () => {
    const done: Look = { state: 'restarting', restartCount: 2, exitCode: 0 };
    expect((await lookAt([done])).why).toBeUndefined();
    expect((await lookAt([running(1), running(1), done, restarting(3)])).why).toBeUndefined();
  });
});
