import { faultMark, guardianMark } from './order.ts';

/** A line of a trace. */
export interface Passed {
  readonly at: number;
  readonly name: string;
}

export const readTrace = (text: string): readonly Passed[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const space = line.indexOf(' ');
      return { at: Number(line.slice(0, space)), name: line.slice(space + 1) };
    });

export const faultAt = (trace: readonly Passed[]): number | undefined =>
  trace.find(({ name }) => name === faultMark)?.at;

export const guardianOf = (trace: readonly Passed[]): number | undefined => {
  const line = trace.find(({ name }) => name.startsWith(guardianMark))?.name;
  return line === undefined ? undefined : Number(line.slice(guardianMark.length));
};

const isMark = ({ name }: Passed): boolean => name === faultMark || name.startsWith(guardianMark);

/** What changes in the folder that is still being written is nobody's business: it goes as a whole. */
const isInside = (name: string): boolean => name.includes('/tmp/<run>/') && !name.endsWith('manifest.json');

/** Events that tell of something that no change of files and no call to the engine shows. */
const telling = /^event (run-started|run-finished|hook-finished|copy-finished|healthy)/;

const isFirst = (name: string, at: number, all: readonly string[]): boolean =>
  all.findIndex((other) => other.replace(/ \(\d+\)$/, '') === name.replace(/ \(\d+\)$/, '')) === at;

/** Every point at which something of the world may be made to fail: those below, and before each change. */
export const faultableBoundaries = (trace: readonly Passed[]): readonly string[] => {
  const names = trace.filter((one) => !isMark(one)).map(({ name }) => name);
  const run = names.slice(Math.max(0, names.indexOf('event run-started')));
  return run.filter((name, at) => {
    if (isInside(name)) return false;
    // A program that is started over and over is met once.
    if (name.startsWith('started ')) return isFirst(name, at, run);
    return name.startsWith('before ') || name.startsWith('after ') || telling.test(name);
  });
};

/**
 * The boundaries of a run at which the world differs from what it was at the one before: after each change
 * (a file has its name or is gone, the engine has answered), each kind of program just started, and events
 * that tell of what cannot be seen otherwise. What lies before a change is what lies after the last one.
 */
export const boundaries = (trace: readonly Passed[]): readonly string[] =>
  faultableBoundaries(trace).filter((name) => !name.startsWith('before '));

/** First and last in turns: after a fault at the beginning comes a run that must get nearly to its end. */
export const inTurns = <T>(items: readonly T[]): readonly T[] => {
  const half = Math.ceil(items.length / 2);
  const late = items.slice(half).toReversed();
  return items.slice(0, half).flatMap((early, at) => [early, ...late.slice(at, at + 1)]);
};
