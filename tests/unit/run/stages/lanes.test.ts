import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { inLanes } from '../../../../src/run/stages/lanes.ts';

const never = new AbortController().signal;

describe('inLanes', () => {
  it('works at most so many at a time and answers in the order of the items', async () => {
    let now = 0;
    let most = 0;
    const results = await inLanes([3, 0, 2, 1, 0], 2, never, async (turns) => {
      most = Math.max(most, ++now);
      for (let left = turns; left > 0; left--) await turn();
      now--;
      return turns * 10;
    });
    expect(results).toEqual([30, 0, 20, 10, 0]);
    expect(most).toBe(2);
  });

  it('throws the first failure, after telling and awaiting those under way; begins no other', async () => {
    const begun: number[] = [];
    let awaited = false;
    const work = async (item: number, signal: AbortSignal): Promise<void> => {
      begun.push(item);
      if (item === 1) throw new Error('the first');
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => resolve());
      await promise;
      awaited = true;
      throw new Error('the second');
    };
    await expect(inLanes([0, 1, 2], 2, never, work)).rejects.toThrow('the first');
    expect(begun).toEqual([0, 1]);
    expect(awaited).toBe(true);
  });

  it('passes on that the caller gave up', async () => {
    const controller = new AbortController();
    const work = async (_: number, signal: AbortSignal): Promise<void> => {
      controller.abort(new Error('enough'));
      signal.throwIfAborted();
    };
    await expect(inLanes([0], 2, controller.signal, work)).rejects.toThrow('enough');
  });
});
