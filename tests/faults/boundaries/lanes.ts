import type { Cell } from './cell.ts';
import { type FaultStack, faultStack } from './stack.ts';

/** Stacks at a time: most of a run is waiting (for health, for the engine), so two cores carry more. */
const atOnce = 4;

interface Job extends PromiseWithResolvers<Cell> {
  attempt(target: FaultStack): Promise<Cell>;
}

/**
 * Several stacks of the same shape, each of which takes one fault after another. After a fault that was not
 * survived a stack is replaced; every fault that was survived has the next one's run for a proof that the
 * next backup gets its turn.
 */
export const faultLanes = async () => {
  const stacks = await Promise.all(Array.from({ length: atOnce }, () => faultStack()));
  const queue: Job[] = [];
  const idle = new Set(stacks.keys());
  const working = new Set<Promise<void>>();

  const work = async (lane: number): Promise<void> => {
    idle.delete(lane);
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const cell = job.attempt(stacks[lane] as FaultStack);
      cell.then(job.resolve, job.reject);
      const survived = await cell.then(
        ({ problems }) => problems.length === 0,
        () => false,
      );
      if (survived) continue;
      await stacks[lane]?.discard();
      stacks[lane] = await faultStack();
    }
    idle.add(lane);
  };
  const giveUp = (thrown: unknown): void => {
    for (const job of queue.splice(0)) job.reject(thrown);
  };
  return {
    stacks: stacks as readonly FaultStack[],
    /**
     * Does `attempt` for each boundary, on all stacks side by side, after everything that was asked for
     * before: a stack that finds nothing left to do of one kind begins with the next.
     */
    tryAll: async (
      boundaries: readonly string[],
      attempt: (target: FaultStack, at: string) => Promise<Cell>,
    ): Promise<readonly Cell[]> => {
      const jobs = boundaries.map((at) => ({
        ...Promise.withResolvers<Cell>(),
        attempt: (target: FaultStack) => attempt(target, at),
      }));
      queue.push(...jobs);
      for (const lane of [...idle]) working.add(work(lane).catch(giveUp));
      return await Promise.all(jobs.map(({ promise }) => promise));
    },
    /** Does the same with every stack. */
    each: <T>(work: (target: FaultStack) => Promise<T>): Promise<readonly T[]> =>
      Promise.all(stacks.map(work)),
    /** Removes all of it, when what is under way has ended. */
    discard: async (): Promise<void> => {
      giveUp(new Error('nobody waits for it any more'));
      await Promise.all(working);
      await Promise.all(stacks.map((target) => target.discard()));
    },
  };
};
