import { median } from '../table.ts';
import type { Method, Night } from './methods.ts';
import type { SetName } from './options.ts';
import type { Turn } from './turn.ts';

export type Key = Method['key'];
export type Measure = (turn: Turn) => number;

export const of = (turns: readonly Turn[], set: SetName, method: Key, night: Night): readonly Turn[] =>
  turns.filter((turn) => turn.set === set && turn.method === method && turn.night === night);

/**
 * The median of the rounds' ratios of ours to another's: what slows a whole round down does not count twice.
 * `theirs` measures the other's turn, where it is something else.
 */
export const ratio = (
  turns: readonly Turn[],
  set: SetName,
  other: Key,
  night: Night,
  measure: Measure,
  theirs: Measure = measure,
): number => {
  const others = new Map(of(turns, set, other, night).map((turn) => [turn.round, turn]));
  return median(
    of(turns, set, 'ours', night).flatMap((turn) => {
      const against = others.get(turn.round);
      return against === undefined ? [] : [measure(turn) / theirs(against)];
    }),
  );
};
