import type { Cell } from './cell.ts';
import { type FaultStack, faultStack } from './stack.ts';

/** Stacks at a time: most of a run is waiting (for health, for the engine), so two cores carry more. */
const atOnce = 4;

/**
 * Several stacks of the same shape, each of which takes one fault after another. After a fault that was not
 * survived a stack is replaced; every fault that was survived has the next one's run for a proof that the
 * next backup gets its turn.
 */
export const faultLanes = async () => {
  const stacks = await Promise.all(Array.from({ length: atOnce }, faultStack));
  const renew = async (at: number): Promise<void> => {
    await stacks[at]?.discard();
    stacks[at] = await faultStack();
  };
  return {
    first: (): FaultStack => stacks[0] as FaultStack,
    /** Does `attempt` for each boundary, on all stacks side by side. */
    tryAll: async (
      boundaries: readonly string[],
      attempt: (target: FaultStack, at: string) => Promise<Cell>,
    ): Promise<readonly Cell[]> => {
      const queue = [...boundaries];
      const cells: Cell[] = [];
      const work = async (lane: number): Promise<void> => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          const cell = await attempt(stacks[lane] as FaultStack, next);
          cells.push(cell);
          if (cell.problems.length > 0) await renew(lane);
        }
      };
      await Promise.all(stacks.keys().map(work));
      return cells;
    },
    /** Does the same with every stack. */
    each: <T>(work: (target: FaultStack) => Promise<T>): Promise<readonly T[]> =>
      Promise.all(stacks.map(work)),
  };
};
