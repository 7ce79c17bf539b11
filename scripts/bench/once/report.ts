import { markdown, median } from '../table.ts';
import type { Method } from './methods.ts';
import type { Turn } from './turn.ts';

type Key = Method['key'];
type Measure = (turn: Turn) => number;

const of = (turns: readonly Turn[], key: Key): readonly Turn[] =>
  turns.filter(({ method }) => method === key);

/** A column of the table of times, in seconds. */
const columns: readonly (readonly [title: string, measure: Measure])[] = [
  ['downtime', (turn) => turn.downtime],
  ['window', (turn) => turn.window],
  ['total', (turn) => turn.wall],
  ['CPU', (turn) => turn.cpu],
];

/** A promise: what is compared, with whom, and the most it may be. */
interface Target {
  readonly title: string;
  readonly value: (turns: readonly Turn[]) => number;
  readonly most: number;
  readonly unit: '×' | 'MB';
}

/** The median of the rounds' ratios: what slows a whole round down does not count twice. */
const ratio = (measure: Measure, other: Key) => (turns: readonly Turn[]) => {
  const others = of(turns, other);
  return median(of(turns, 'ours').map((turn, round) => measure(turn) / measure(others[round] as Turn)));
};

const targets: readonly Target[] = [
  { title: 'downtime ÷ careful script', value: ratio((t) => t.downtime, 'script'), most: 1.1, unit: '×' },
  {
    title: 'downtime ÷ volume-backup image',
    value: ratio((t) => t.downtime, 'archive'),
    most: 0.15,
    unit: '×',
  },
  { title: 'total ÷ careful script', value: ratio((t) => t.wall, 'script'), most: 0.6, unit: '×' },
  {
    title: 'most memory of our process',
    value: (turns) => Math.max(...of(turns, 'ours').map(({ peak }) => (peak ?? Number.NaN) / 1e6)),
    most: 200,
    unit: 'MB',
  },
];

const range = (values: readonly number[]): string =>
  `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`;

/** Medians in seconds, with the least and the most. */
const times = (turns: readonly Turn[], methods: readonly Method[]): string =>
  markdown([
    ['seconds', ...columns.map(([title]) => title)],
    ...methods.map(({ key, title }) => [
      title,
      ...columns.map(([, measure]) => range(of(turns, key).map(measure))),
    ]),
  ]);

const ratios = (turns: readonly Turn[]): string =>
  markdown([
    ['ours ÷ theirs', ...columns.map(([title]) => title)],
    ...(['script', 'archive'] as const).map((other) => [
      other === 'script' ? 'careful script' : 'volume-backup image',
      ...columns.map(([, measure]) => ratio(measure, other)(turns).toFixed(2)),
    ]),
  ]);

export interface Report {
  readonly text: string;
  /** Every target is met. */
  readonly met: boolean;
}

/** Three tables: times, ratios, and what was promised. */
export const reportOf = (turns: readonly Turn[], methods: readonly Method[]): Report => {
  const judged = targets.map(({ title, value, most, unit }) => ({ title, got: value(turns), most, unit }));
  const shown = (value: number, unit: Target['unit']): string =>
    unit === '×' ? `${value.toFixed(2)} ×` : `${Math.round(value)} MB`;
  const promised = markdown([
    ['target', 'measured', 'at most', 'met'],
    ...judged.map(({ title, got, most, unit }) => [
      title,
      shown(got, unit),
      shown(most, unit),
      got <= most ? 'yes' : 'NO',
    ]),
  ]);
  return {
    text: [times(turns, methods), ratios(turns), promised].join('\n\n'),
    met: judged.every(({ got, most }) => got <= most),
  };
};
