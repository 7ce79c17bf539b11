import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boundaries, faultableBoundaries, inTurns } from './support/boundaries.ts';
import { type Cell, observe, tryFault } from './support/cell.ts';
import { type FaultKind, faultKinds } from './support/order.ts';
import { type FaultStack, faultStack } from './support/stack.ts';
import { tableOf } from './support/table.ts';

/** Stacks at a time: most of a run is waiting (for health, for the engine), so two cores carry more. */
const lanes = Number(process.env.LANES ?? 4);
const minutes = 60_000;

describe('a fault at each boundary between the steps of a backup', () => {
  const stacks: FaultStack[] = [];
  const cells: Cell[] = [];
  let trace: Awaited<ReturnType<typeof observe>>['trace'];

  beforeAll(async () => {
    stacks.push(...(await Promise.all(Array.from({ length: lanes }, faultStack))));
    const clean = await observe(stacks[0] as FaultStack, ['box']);
    expect(clean.ended.exitCode, clean.ended.stderr).toBe(0);
    trace = clean.trace;
  });
  afterAll(async () => {
    console.log(tableOf(cells));
    await Promise.all(stacks.map((stack) => stack.discard()));
  });

  /** Tries one kind of fault at every boundary, on all stacks side by side. */
  const tryAll = async (kind: FaultKind): Promise<readonly Cell[]> => {
    const queue = [...inTurns(kind === 'error thrown' ? faultableBoundaries(trace) : boundaries(trace))];
    const tried: Cell[] = [];
    const work = async (at: number): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const cell = await tryFault(stacks[at] as FaultStack, { kind, at: next });
        tried.push(cell);
        cells.push(cell);
        if (cell.problems.length === 0) continue;
        if (process.env.DEBUG_CELLS)
          (await import('node:fs')).appendFileSync(process.env.DEBUG_CELLS, JSON.stringify(cell) + '\n');
        await stacks[at]?.discard();
        stacks[at] = await faultStack();
      }
    };
    await Promise.all(stacks.map((_stack, at) => work(at)));
    return tried;
  };

  it.each(faultKinds)(
    'must leave everything as it was: %s',
    async (kind) => {
      const lost = (await tryAll(kind)).filter(({ problems }) => problems.length > 0);
      expect(lost.map(({ at, problems, said }) => ({ at, problems, said }))).toEqual([]);
    },
    10 * minutes,
  );
});
