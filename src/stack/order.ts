/** Only what an order needs of an edge: `from` needs `to`. */
export interface Need {
  readonly from: string;
  readonly to: string;
}

export interface Order {
  /** Start order: each wave needs only what stands in earlier ones. Stopping goes through them backwards. */
  readonly waves: readonly (readonly string[])[];
  /** Nodes that need each other in a circle; they share a wave, because no order is right for them. */
  readonly circular: readonly string[];
}

/**
 * Puts nodes into start waves (Kahn's algorithm by levels). Edges to unknown nodes are ignored. Where a
 * circle blocks the way, its members that wait only for one another form one wave.
 */
export const orderOf = (nodes: readonly string[], needs: readonly Need[]): Order => {
  const waiting = new Map(nodes.map((node) => [node, new Set<string>()]));
  for (const { from, to } of needs) if (from !== to && waiting.has(to)) waiting.get(from)?.add(to);
  const waves: string[][] = [];
  const circular: string[] = [];
  while (waiting.size > 0) {
    let wave = [...waiting.keys()].filter((node) => waiting.get(node)?.size === 0);
    if (wave.length === 0) {
      wave = smallestCircle(waiting);
      circular.push(...wave);
    }
    for (const node of wave) waiting.delete(node);
    for (const left of waiting.values()) for (const node of wave) left.delete(node);
    waves.push(wave);
  }
  return { waves, circular };
};

/** All nodes that can be reached from `start` through `waiting`, itself included when it lies on a circle. */
const reach = (start: string, waiting: ReadonlyMap<string, ReadonlySet<string>>): ReadonlySet<string> => {
  const seen = new Set<string>();
  const next = [...(waiting.get(start) ?? [])];
  for (let node = next.pop(); node !== undefined; node = next.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    next.push(...(waiting.get(node) ?? []));
  }
  return seen;
};

/** A set of nodes that need nobody outside of it: the one with the fewest reachable nodes is such a circle. */
const smallestCircle = (waiting: ReadonlyMap<string, ReadonlySet<string>>): string[] => {
  let best: ReadonlySet<string> | undefined;
  for (const node of waiting.keys()) {
    const reached = reach(node, waiting);
    if (best === undefined || reached.size < best.size) best = reached;
  }
  return [...waiting.keys()].filter((node) => best?.has(node));
};

/**
 * The needs between the `kept` nodes alone, also where the way leads through nodes that are not kept (a
 * one-shot between app and database). Free of circles: inside a wave nobody waits for anybody.
 */
export const needsAmong = (
  kept: ReadonlySet<string>,
  nodes: readonly string[],
  needs: readonly Need[],
): Need[] => {
  const level = new Map(
    orderOf(nodes, needs).waves.flatMap((wave, at) => wave.map((node) => [node, at] as const)),
  );
  const direct = Map.groupBy(needs, (need) => need.from);
  const found: Need[] = [];
  for (const from of kept) {
    const seen = new Set<string>([from]);
    const next = [from];
    for (let node = next.pop(); node !== undefined; node = next.pop()) {
      for (const { to } of direct.get(node) ?? []) {
        if (seen.has(to)) continue;
        seen.add(to);
        if (!kept.has(to)) next.push(to);
        else if ((level.get(to) ?? 0) < (level.get(from) ?? 0)) found.push({ from, to });
      }
    }
  }
  return found;
};
