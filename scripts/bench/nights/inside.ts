import { join } from 'node:path';
import { recordFormat } from '../../../src/snapshot/entries/records.ts';
import { run } from '../run.ts';
import { BenchProblem } from '../say.ts';
import { median } from '../table.ts';
import type { Stack } from './stack.ts';

/** What our own tool tells of its time, in seconds. */
export interface Inside {
  /** From its begin until the services are back and hashing begins. */
  readonly beforeHashing: number;
  /** The copy in the window: one walk, and the changed entries. */
  readonly capture: number;
  /** Seconds of each phase, by its name. */
  readonly phases: Readonly<Record<string, number>>;
}

interface Event {
  readonly type: string;
  readonly at: string;
  readonly phase?: string;
  readonly ms?: number;
}

/** Reads the events of a run (`--json`) that took `wall` seconds. */
export const insideOf = (stdout: string, wall: number): Inside => {
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event);
  const seconds = ({ at }: Event): number => Date.parse(at) / 1000;
  const begun = events.filter(({ type }) => type === 'phase');
  const end = events.at(-1);
  const hashing = begun.find(({ phase }) => phase === 'hashing');
  const copying = begun.findIndex(({ phase }) => phase === 'copying');
  const from = events.indexOf(begun[copying] as Event);
  const captured = events.slice(from).filter(({ type }) => type === 'copy-finished');
  if (end === undefined || hashing === undefined || copying === -1 || captured.length === 0)
    throw new BenchProblem('the tool did not tell of its phases', [stdout]);
  return {
    beforeHashing: wall - (seconds(end) - seconds(hashing)),
    capture: captured.reduce((sum, { ms = 0 }) => sum + ms / 1000, 0),
    phases: Object.fromEntries(
      begun.map((event, at) => [event.phase ?? '', seconds(begun[at + 1] ?? end) - seconds(event)]),
    ),
  };
};

const walks = 3;

/** How long one `find -printf` of the same tree takes, with the same format, into a file; the median of three. */
export const walkSeconds = async ({ data, folder }: Stack, signal: AbortSignal): Promise<number> => {
  const times: number[] = [];
  for (let walk = 0; walk < walks; walk++) {
    const from = performance.now();
    const script = 'find -P "$1" -ignore_readdir_race -printf "$2" > "$3"';
    await run(['sh', '-c', script, 'sh', data, recordFormat, join(folder, 'walk')], { signal });
    times.push((performance.now() - from) / 1000);
  }
  return median(times);
};
