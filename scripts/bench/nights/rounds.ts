import type { Method } from './methods.ts';
import type { Options, SetName } from './options.ts';

type Key = Method['key'];

/** Whose figures the targets compare: these are measured in every round, the others once, to be seen. */
const compared: Readonly<Record<SetName, readonly Key[]>> = {
  A: ['cp', 'rsync', 'restic', 'ours'],
  'A-cold': ['cp', 'ours'],
  'A-reflink': [],
  B: ['cp', 'rsync', 'ours'],
  C: ['cp', 'rsync', 'ours'],
  million: [],
};

/** Ratios of what is read from the disk are asked of cp alone; some sets are about ours alone. */
const takesPart = (set: SetName, key: Key): boolean => {
  if (set === 'million' || set === 'A-reflink') return key === 'ours';
  return set !== 'A-cold' || compared['A-cold'].includes(key);
};

/** How many rounds a method takes part in: 0, one, or all. */
export const roundsOf = (set: SetName, key: Key, rounds: number): number => {
  if (!takesPart(set, key)) return 0;
  return compared[set].includes(key) ? rounds : 1;
};

/** What each set may take of the time, as far as that is known from earlier runs. */
const shares: Readonly<Record<SetName, number>> = {
  A: 19,
  'A-cold': 9,
  'A-reflink': 2,
  C: 6,
  B: 14,
  million: 0,
};

/** When no further round of a set is begun, for the sets in their order; what one does not need the next has. */
export const deadlinesOf = (
  sets: readonly SetName[],
  { minutes }: Pick<Options, 'minutes'>,
  from: number,
): ReadonlyMap<SetName, number> => {
  const all = sets.reduce((sum, set) => sum + shares[set], 0);
  let spent = 0;
  return new Map(
    sets.map((set) => {
      spent += shares[set];
      return [set, from + (minutes * 60_000 * spent) / Math.max(all, 1)] as const;
    }),
  );
};
