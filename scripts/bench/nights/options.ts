import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BenchProblem } from '../say.ts';
import { type Method, titles } from './methods.ts';

const setNames = ['A', 'A-cold', 'A-reflink', 'B', 'C', 'million'] as const;
export type SetName = (typeof setNames)[number];

export interface Options {
  /** Turns of each method on each set, as far as targets compare them; one of the others. */
  readonly rounds: number;
  /** 1 is the full size. */
  readonly scale: number;
  /** When they are over no further round is begun; each set has its share of them. */
  readonly minutes: number;
  readonly sets: readonly SetName[];
  readonly methods: readonly Method['key'][];
  /** Absolute folder for all data and backups; its file system is what is measured. */
  readonly folder: string;
  /** Where each turn is written as a line of JSON. */
  readonly raw: string | undefined;
}

const usage = `npm run bench:nights -- [options]
  --rounds N      turns of each method that a target compares, the others take one (default 5)
  --minutes N     when they are over no further round is begun (default 50)
  --scale S       size of the data, 1 = 3 GB, 200,000 files … (default 1; 0.02 for a quick try)
  --sets LIST     which data (default A,A-cold,A-reflink,B,C)
  --million       then two snapshots of a million files, ours alone
  --methods LIST  which methods (default ${Object.keys(titles).join(',')})
  --folder DIR    for data and backups; its file system is what is measured (default: the system's /tmp)
  --raw FILE      where each turn is written as a line of JSON`;

const positive = (name: string, text: string): number => {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new BenchProblem(`--${name} needs a number above 0, not ${text}`, [usage]);
};

const parse = (argv: readonly string[]) =>
  parseArgs({
    args: [...argv],
    options: {
      rounds: { type: 'string', default: '5' },
      scale: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '50' },
      sets: { type: 'string', default: 'A,A-cold,A-reflink,B,C' },
      methods: { type: 'string', default: Object.keys(titles).join(',') },
      million: { type: 'boolean', default: false },
      folder: { type: 'string', default: tmpdir() },
      raw: { type: 'string' },
    },
  }).values;

/** The names of a list with commas, in the order of those there are. */
const chosen = <T extends string>(option: string, list: string, known: readonly T[]): readonly T[] => {
  const names = list.split(',').filter((name) => name !== '');
  const unknown = names.filter((name) => !known.some((one) => one === name));
  if (unknown.length > 0)
    throw new BenchProblem(`--${option} knows ${known.join(', ')}, not ${unknown.join(', ')}`, [usage]);
  return known.filter((name) => names.includes(name));
};

/** The options on the command line. Throws a `BenchProblem` for anything else that stands there. */
export const readOptions = (argv: readonly string[]): Options => {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(argv);
  } catch (error) {
    throw new BenchProblem(error instanceof Error ? error.message : String(error), [usage]);
  }
  const rounds = positive('rounds', values.rounds);
  if (!Number.isInteger(rounds)) throw new BenchProblem(`--rounds needs a whole number, not ${rounds}`);
  return {
    rounds,
    scale: positive('scale', values.scale),
    minutes: positive('minutes', values.minutes),
    sets: chosen('sets', `${values.sets}${values.million ? ',million' : ''}`, setNames),
    methods: chosen('methods', values.methods, Object.keys(titles) as Method['key'][]),
    folder: resolve(values.folder),
    raw: values.raw === undefined ? undefined : resolve(values.raw),
  };
};
