import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Need, needsAmong, orderOf } from '../../../src/stack/order.ts';

const nodesOf = (count: number): string[] => Array.from({ length: count }, (_, at) => `n${at}`);

/** Any graph of up to 12 nodes; circles are likely. */
const anyGraph = fc.integer({ min: 0, max: 12 }).chain((count) =>
  fc.record({
    nodes: fc.constant(nodesOf(count)),
    needs: fc.array(
      fc
        .record({ from: fc.nat(Math.max(0, count)), to: fc.nat(Math.max(0, count)) })
        .map(({ from, to }): Need => ({ from: `n${from}`, to: `n${to}` })),
      { maxLength: 40 },
    ),
  }),
);

/** A graph without circles: a node needs only nodes with a smaller number. */
const acyclic = anyGraph.map(({ nodes, needs }) => ({
  nodes,
  needs: needs.filter((need) => Number(need.to.slice(1)) < Number(need.from.slice(1))),
}));

describe('orderOf', () => {
  it('puts what is needed into an earlier wave', () => {
    const order = orderOf(
      ['app', 'db', 'cache', 'worker'],
      [
        { from: 'app', to: 'db' },
        { from: 'app', to: 'cache' },
        { from: 'worker', to: 'app' },
      ],
    );
    expect(order).toEqual({ waves: [['db', 'cache'], ['app'], ['worker']], circular: [] });
  });

  it('ignores needs of and for nodes it does not know, and of a node for itself', () => {
    const needs = [
      { from: 'a', to: 'a' },
      { from: 'a', to: 'x' },
      { from: 'x', to: 'a' },
    ];
    expect(orderOf(['a'], needs)).toEqual({ waves: [['a']], circular: [] });
  });

  it('puts a circle into one wave of its own, before what needs it', () => {
    const needs = [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'a' },
      { from: 'c', to: 'a' },
      { from: 'b', to: 'd' },
    ];
    expect(orderOf(['c', 'a', 'b', 'd'], needs)).toEqual({
      waves: [['d'], ['a', 'b'], ['c']],
      circular: ['a', 'b'],
    });
  });

  it('gives every node exactly one wave, whatever the graph', () => {
    fc.assert(
      fc.property(anyGraph, ({ nodes, needs }) => {
        expect(orderOf(nodes, needs).waves.flat().sort()).toEqual([...nodes].sort());
      }),
    );
  });

  it('never lets a node wait for a later wave when there are no circles', () => {
    fc.assert(
      fc.property(acyclic, ({ nodes, needs }) => {
        const { waves, circular } = orderOf(nodes, needs);
        const level = new Map(waves.flatMap((wave, at) => wave.map((node) => [node, at] as const)));
        expect(circular).toEqual([]);
        for (const { from, to } of needs)
          if (level.has(from) && level.has(to)) expect(level.get(to)).toBeLessThan(level.get(from) as number);
      }),
    );
  });
});

describe('needsAmong', () => {
  it('keeps an order that leads through a node that is not kept', () => {
    const needs = [
      { from: 'app', to: 'migrate' },
      { from: 'migrate', to: 'db' },
    ];
    expect(needsAmong(new Set(['app', 'db']), ['app', 'migrate', 'db'], needs)).toEqual([
      { from: 'app', to: 'db' },
    ]);
  });

  it('is free of circles whatever the graph, so that nobody waits for ever', () => {
    fc.assert(
      fc.property(anyGraph, fc.infiniteStream(fc.boolean()), ({ nodes, needs }, chosen) => {
        const kept = new Set(nodes.filter(() => chosen.next().value === true));
        expect(orderOf([...kept], needsAmong(kept, nodes, needs)).circular).toEqual([]);
      }),
    );
  });

  it('orders kept nodes as the whole graph does', () => {
    fc.assert(
      fc.property(acyclic, fc.infiniteStream(fc.boolean()), ({ nodes, needs }, chosen) => {
        const kept = new Set(nodes.filter(() => chosen.next().value === true));
        const reaches = (from: string, to: string, all: readonly Need[]): boolean =>
          all.some((need) => need.from === from && (need.to === to || reaches(need.to, to, all)));
        const among = needsAmong(kept, nodes, needs);
        for (const from of kept)
          for (const to of kept) expect(reaches(from, to, among)).toBe(reaches(from, to, needs));
      }),
      { numRuns: 60 },
    );
  });
});
