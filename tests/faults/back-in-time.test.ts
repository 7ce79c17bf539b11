import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bookOf } from '../support/reliability/book.ts';
import { limits, type Measured } from '../support/reliability/kinds.ts';
import { tryFault, whenAllIsQuiet } from './boundaries/cell.ts';
import type { Fault, FaultKind } from './boundaries/inject/order.ts';
import { plainStartMs } from './boundaries/plain-start.ts';
import { type FaultStack, faultStack } from './boundaries/stack.ts';

/** How long after the death of a run everything may be back, beyond what the services' own start takes. */
const kinds = [
  ['SIGKILL of the tool', 'after the death of the tool, beyond the services’ own start'],
  [
    'SIGKILL of tool and guardian, then `recover`',
    'from the start of `recover`, beyond the services’ own start',
  ],
] as const satisfies readonly (readonly [FaultKind, Measured])[];

/** Boundaries at which services are down: in the stop, in the window, at its end, and before the first is back. */
const boundaries = [
  'after POST /containers/db/stop',
  whenAllIsQuiet,
  'event copy-finished far',
  'after naming backups/.stack-backup/runs/<run>.json starting',
];

/**
 * Whoever is late is measured again at once, so often at most. What the machine was busy with is over by then;
 * what the tool does at a boundary it does each time.
 */
const mostTries = 6;

const limitMs = 10 * 60_000;

const book = bookOf('back-in-time');

describe('services whose backup was killed', () => {
  let target: FaultStack;
  beforeAll(async () => {
    target = await faultStack('300ms');
  });
  afterAll(() => target?.discard());

  /** How much later all was back than a plain start right afterwards takes, ms; all tries, none left out. */
  const added = async (fault: Fault, most: number): Promise<readonly number[]> => {
    const tries: number[] = [];
    while (tries.length < mostTries && (tries.at(-1) ?? most) >= most) {
      const cell = await tryFault(target, fault);
      expect(cell.problems, cell.said).toEqual([]);
      tries.push(Math.max(0, cell.backMs - (await plainStartMs(target))));
    }
    return tries;
  };

  it.each(kinds)(
    'must be back in time, wherever it was killed: %s',
    async (kind, measured) => {
      const { most } = limits[measured];
      const times = new Map<string, readonly number[]>();
      for (const at of boundaries) times.set(at, await added({ kind, at }, most));
      book.measured(measured, [...times.values()].flat());
      for (const [at, tries] of times)
        expect(Math.min(...tries), `${at}: ${tries.join(', ')} ms`).toBeLessThan(most);
    },
    limitMs,
  );
});
