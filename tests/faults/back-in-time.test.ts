import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bookOf } from '../support/reliability/book.ts';
import type { Measured } from '../support/reliability/kinds.ts';
import { backUp, tryFault, whenAllIsQuiet } from './boundaries/cell.ts';
import { startMs } from './boundaries/inject/boundaries.ts';
import type { FaultKind } from './boundaries/inject/order.ts';
import { type FaultStack, faultStack } from './boundaries/stack.ts';

/** Of an odd number of values. */
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[(values.length - 1) / 2] ?? Number.NaN;

/** How long after the death of a run everything may be back, beyond what the services' own start takes, ms. */
const limits = [
  ['SIGKILL of the tool', 2_000, 'after the death of the tool, beyond the services’ own start, median'],
  [
    'SIGKILL of tool and guardian, then `recover`',
    1_000,
    'from the start of `recover`, beyond the services’ own start, median',
  ],
] as const satisfies readonly (readonly [FaultKind, number, Measured])[];

const book = bookOf('median');

const rounds = 3;

describe('services whose backup was killed in its window', () => {
  let target: FaultStack;
  /** What was added to the services' own start in each round, ms. */
  const added = new Map<FaultKind, number[]>(limits.map(([kind]) => [kind, []]));

  beforeAll(async () => {
    target = await faultStack();
    for (let round = 0; round < rounds; round++) {
      // Right before each fault, so that both are of the same moment of this machine.
      const own = startMs((await backUp(target)).trace);
      for (const [kind] of limits) {
        const cell = await tryFault(target, { kind, at: whenAllIsQuiet });
        expect(cell.problems).toEqual([]);
        added.get(kind)?.push(cell.backMs - own);
      }
    }
  });
  afterAll(() => target?.discard());

  it.each(limits)('must be back in time: %s', (kind, limit, measured) => {
    const times = added.get(kind) ?? [];
    expect(times).toHaveLength(rounds);
    expect(median(times)).toBeLessThan(limit);
    book.measured(measured, median(times));
  });
});
