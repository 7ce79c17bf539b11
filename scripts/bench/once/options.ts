import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BenchProblem } from '../say.ts';

export interface Options {
  /** Turns of each method. */
  readonly rounds: number;
  /** 1 is the full size: 2 GB in 50,000 files. */
  readonly scale: number;
  /** Absolute folder for the compose file and everything that is written; on the engine's file system. */
  readonly folder: string;
}

const usage = `npm run bench -- [--rounds N] [--scale S] [--folder DIR]
  --rounds N    turns of each method (default 5)
  --scale S     size of the stack, 1 = 2 GB in 50,000 files (default 1; 0.1 for a quick try)
  --folder DIR  where the backups are written, on the engine's own file system (default: the system's /tmp)`;

const positive = (name: string, text: string): number => {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new BenchProblem(`--${name} needs a number above 0, not ${text}`, [usage]);
};

/** The options on the command line. Throws a `BenchProblem` for anything else that stands there. */
export const readOptions = (argv: readonly string[]): Options => {
  let values: { rounds: string; scale: string; folder: string };
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        rounds: { type: 'string', default: '5' },
        scale: { type: 'string', default: '1' },
        folder: { type: 'string', default: tmpdir() },
      },
    }));
  } catch (error) {
    throw new BenchProblem(error instanceof Error ? error.message : String(error), [usage]);
  }
  const rounds = positive('rounds', values.rounds);
  if (!Number.isInteger(rounds)) throw new BenchProblem(`--rounds needs a whole number, not ${rounds}`);
  return { rounds, scale: positive('scale', values.scale), folder: resolve(values.folder) };
};
