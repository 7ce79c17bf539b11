import { median } from '../table.ts';
import type { SetName } from './options.ts';
import { type Measure, of, ratio } from './select.ts';
import type { Turn } from './turn.ts';

/** A promise, and what was measured. */
export interface Judged {
  readonly title: string;
  readonly measured: number;
  readonly most: number;
  readonly unit: '×' | 'MB';
}

const window: Measure = (turn) => turn.work;
const downtime: Measure = (turn) => turn.downtime;
const cpu: Measure = (turn) => turn.cpu;

/** The median over the rounds of something that our turns alone have. */
const own = (turns: readonly Turn[], set: SetName, measure: Measure): number =>
  median(of(turns, set, 'ours', 2).map(measure));

const peak = (turns: readonly Turn[], set: SetName): number =>
  Math.max(
    ...turns
      .filter((turn) => turn.set === set && turn.method === 'ours')
      .map((turn) => (turn.peak ?? Number.NaN) / 1e6),
  );

const walk: Measure = ({ inside }) => (inside === undefined ? Number.NaN : inside.capture / inside.walk);
const written: Measure = (turn) => turn.written / (turn.changed ?? Number.NaN);
const writtenBlocks: Measure = (turn) => turn.written / (turn.changedBlocks ?? Number.NaN);
const beforeHashing: Measure = ({ inside }) => inside?.beforeHashing ?? Number.NaN;

/** The second snapshot's window by that of the first, of our own. */
const firstWindow = (turns: readonly Turn[], set: SetName): number => {
  const second = of(turns, set, 'ours', 2);
  return median(of(turns, set, 'ours', 1).map((turn, at) => turn.work / (second[at]?.work ?? Number.NaN)));
};

/** Everything promised of the sets and against the methods that were measured. */
export const judge = (turns: readonly Turn[]): readonly Judged[] => {
  const times = (title: string, measured: number, most: number): Judged => ({
    title,
    measured,
    most,
    unit: '×',
  });
  const memory = (title: string, set: SetName, most: number): Judged => ({
    ...{ title: `most memory of our process, ${title}`, measured: peak(turns, set), most },
    unit: 'MB',
  });
  const second = (set: SetName, other: 'cp' | 'rsync') => ratio(turns, set, other, 2, window);
  const all: readonly (readonly [SetName, Judged])[] = [
    ['A', times('A, second: window ÷ cp -a', second('A', 'cp'), 0.1)],
    ['A-cold', times('A, second, cold cache: window ÷ cp -a', second('A-cold', 'cp'), 0.03)],
    ['B', times('B, second: window ÷ cp -a', second('B', 'cp'), 0.15)],
    ['A', times('A, second: window ÷ rsync', second('A', 'rsync'), 0.1)],
    ['B', times('B, second: window ÷ rsync', second('B', 'rsync'), 0.1)],
    ['B', times('B, second: copy in the window ÷ find -printf', own(turns, 'B', walk), 1.3)],
    ['A', times('A, second: bytes written ÷ changed files', own(turns, 'A', written), 1.1)],
    ['B', times('B, second: bytes written ÷ changed files', own(turns, 'B', written), 1.1)],
    [
      'A-reflink',
      times('A, second, to XFS: bytes written ÷ changed blocks', own(turns, 'A-reflink', writtenBlocks), 1.2),
    ],
    ['A', times('A, second: CPU ÷ restic', ratio(turns, 'A', 'restic', 2, cpu), 1)],
    ['A', times('A, first: CPU ÷ restic', ratio(turns, 'A', 'restic', 1, cpu), 0.3)],
    [
      'B',
      times(
        'B, first: all before hashing ÷ stop, cp -a, start',
        ratio(turns, 'B', 'cp', 1, beforeHashing, downtime),
        0.6,
      ),
    ],
    ['A', times('A: first window ÷ second', firstWindow(turns, 'A'), 2)],
    ['B', times('B: first window ÷ second', firstWindow(turns, 'B'), 2)],
    ['A', memory('A', 'A', 200)],
    ['B', memory('B', 'B', 300)],
    ['million', memory('a million files', 'million', 300)],
  ];
  const done = new Set(turns.map(({ set }) => set));
  return all
    .filter(([set, { measured }]) => done.has(set) && !Number.isNaN(measured))
    .map(([, judged]) => judged);
};
