import { markdown, median } from '../table.ts';
import { titles } from './methods.ts';
import type { SetName } from './options.ts';
import { type Key, type Measure, of, ratio } from './select.ts';
import { type Judged, judge } from './targets.ts';
import type { Turn } from './turn.ts';

interface Column {
  readonly title: string;
  readonly measure: Measure;
  readonly digits: number;
}

const columns: readonly Column[] = [
  { title: 'downtime, s', measure: (turn) => turn.downtime, digits: 2 },
  { title: 'window, s', measure: (turn) => turn.work, digits: 2 },
  { title: 'total, s', measure: (turn) => turn.wall, digits: 2 },
  { title: 'CPU, s', measure: (turn) => turn.cpu, digits: 2 },
  { title: 'written, MB', measure: (turn) => turn.written / 1e6, digits: 0 },
  { title: 'memory, MB', measure: (turn) => (turn.peak ?? Number.NaN) / 1e6, digits: 0 },
];

const number = (value: number, digits: number): string => (Number.isNaN(value) ? '' : value.toFixed(digits));

/** `first / second`, or nothing where nothing was measured. */
const both = (first: string, second: string): string =>
  first === '' && second === '' ? '' : `${first} / ${second}`;

const methodsOf = (turns: readonly Turn[], set: SetName): readonly Key[] =>
  (Object.keys(titles) as Key[]).filter((key) => of(turns, set, key, 1).length > 0);

const medians = (turns: readonly Turn[], set: SetName): string =>
  markdown([
    ['first / second snapshot', 'rounds', ...columns.map(({ title }) => title)],
    ...methodsOf(turns, set).map((key) => [
      titles[key],
      String(of(turns, set, key, 2).length),
      ...columns.map(({ measure, digits }) => {
        const of12 = ([1, 2] as const).map((night) => median(of(turns, set, key, night).map(measure)));
        return both(number(of12[0] ?? Number.NaN, digits), number(of12[1] ?? Number.NaN, digits));
      }),
    ]),
  ]);

/** Two digits that say something, however small it is. */
const times = (value: number): string =>
  Number.isNaN(value) ? '' : value < 0.1 ? value.toFixed(3) : value.toFixed(2);

const ratios = (turns: readonly Turn[], set: SetName): string =>
  markdown([
    ['ours ÷ theirs', ...columns.map(({ title }) => title.replace(/,.*/, ''))],
    ...methodsOf(turns, set)
      .filter((key) => key !== 'ours')
      .map((key) => [
        titles[key],
        ...columns.map(({ measure }) =>
          both(times(ratio(turns, set, key, 1, measure)), times(ratio(turns, set, key, 2, measure))),
        ),
      ]),
  ]);

/** Where our own time goes: seconds of each phase. */
const phases = (turns: readonly Turn[], set: SetName): string => {
  const ours = turns.filter((turn) => turn.set === set && turn.method === 'ours');
  const names = Object.keys(ours[0]?.inside?.phases ?? {});
  const row = (title: string, measure: Measure): readonly string[] => [
    title,
    ...([1, 2] as const).map((night) => number(median(of(turns, set, 'ours', night).map(measure)), 2)),
  ];
  return markdown([
    ['of ours, s', 'first', 'second'],
    ...names.map((name) => row(name, ({ inside }) => inside?.phases[name] ?? Number.NaN)),
    row('copy in the window', ({ inside }) => inside?.capture ?? Number.NaN),
    row('find -printf of the same', ({ inside }) => inside?.walk ?? Number.NaN),
  ]);
};

const promised = (all: readonly Judged[]): string => {
  const shown = (value: number, unit: Judged['unit']): string =>
    unit === '×' ? `${times(value)} ×` : `${Math.round(value)} MB`;
  return markdown([
    ['target', 'measured', 'at most', 'met'],
    ...all.map(({ title, measured, most, unit }) => [
      title,
      shown(measured, unit),
      unit === '×' ? `${most} ×` : `${most} MB`,
      measured <= most ? 'yes' : 'NO',
    ]),
  ]);
};

export interface Report {
  readonly text: string;
  /** Every target is met. */
  readonly met: boolean;
}

/** Those that ours alone is measured on. */
const ownSets: readonly SetName[] = ['million', 'A-reflink'];

/** For each set the medians, the ratios, and where our time goes; then what was promised. */
export const reportOf = (turns: readonly Turn[]): Report => {
  const sets = [...new Set(turns.map(({ set }) => set))];
  const tables = sets.flatMap((set) => {
    const parts = [`### ${set}`, medians(turns, set), ratios(turns, set), phases(turns, set)];
    return ownSets.includes(set) ? [parts[0], parts[1], parts[3]] : parts;
  });
  const judged = judge(turns);
  return {
    text: [...tables, promised(judged)].join('\n\n'),
    met: judged.every(({ measured, most }) => measured <= most),
  };
};
