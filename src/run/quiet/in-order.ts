import type { Need } from '../../stack/order.ts';

/**
 * Does `work` for every node, each as soon as all it needs have settled, as many at a time as the order
 * allows. Every node gets its turn: what a failure of one means for the others is for `work` to say.
 * `needs` must be free of circles.
 */
export const inOrder = async (
  nodes: readonly string[],
  needs: readonly Need[],
  work: (node: string) => Promise<void>,
): Promise<void> => {
  const needed = Map.groupBy(needs, (need) => need.from);
  const turns = new Map<string, Promise<void>>();
  const turn = (node: string): Promise<void> => {
    const known = turns.get(node);
    if (known !== undefined) return known;
    const before = (needed.get(node) ?? []).map(({ to }) => to).filter((to) => nodes.includes(to));
    const promise = Promise.allSettled(before.map(turn)).then(() => work(node));
    turns.set(node, promise);
    return promise;
  };
  const settled = await Promise.allSettled(nodes.map(turn));
  const failures = settled.filter((one) => one.status === 'rejected').map((one) => one.reason as unknown);
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('; '));
};

/** The same needs seen from the other end: who needs a node must have stopped before it stops. */
export const reversed = (needs: readonly Need[]): Need[] =>
  needs.map(({ from, to }) => ({ from: to, to: from }));
