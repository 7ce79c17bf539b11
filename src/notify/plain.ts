import type { Clock } from '../base/clock.ts';
import type { RunEvent } from '../base/events.ts';
import { printable } from '../base/text/printable.ts';
import { wentWell } from './closing.ts';
import { guard, isProgress, type Listener, type Output } from './listener.ts';
import { sentence } from './sentence.ts';

/** Between two lines of progress of one mount. */
const progressEveryMs = 10_000;

/** `2026-11-21T03:15:00Z core …`: one line, whatever the event holds. */
export const plainLine = (event: RunEvent): string =>
  `${event.at.replace(/\.\d+(?=Z$)/, '')} ${printable(event.instance)} ${printable(sentence(event))}\n`;

/** Lets a mount's progress through once in ten seconds, counted from its start. */
const progressGate = (clock: Pick<Clock, 'tick'>): ((event: RunEvent) => boolean) => {
  const shownAt = new Map<string, number>();
  const keyOf = (event: RunEvent): string =>
    JSON.stringify([event.instance, 'mount' in event ? event.mount : undefined]);
  return (event) => {
    const now = clock.tick();
    if (event.type === 'copy-started') shownAt.set(keyOf(event), now);
    // Hashing has no event of its own that starts it.
    if (event.type === 'phase' && event.phase === 'hashing') shownAt.set(keyOf(event), now);
    if (!isProgress(event)) return true;
    if (now - (shownAt.get(keyOf(event)) ?? Number.NEGATIVE_INFINITY) < progressEveryMs) return false;
    shownAt.set(keyOf(event), now);
    return true;
  };
};

export interface PlainOptions {
  readonly clock: Pick<Clock, 'tick'>;
  /** All progress, not only now and then. */
  readonly verbose: boolean;
}

/**
 * For files, pipes and journals: one timestamped line an event, without control codes. The closing line is
 * not among them: it goes to standard output.
 */
export const plainListener = (stderr: Output, { clock, verbose }: PlainOptions): Listener => {
  guard(stderr);
  const isDue = progressGate(clock);
  return {
    on: (event) => {
      if (event.type === 'run-finished') return;
      if (!verbose && !isDue(event)) return;
      if (isProgress(event) && stderr.writableNeedDrain === true) return;
      stderr.write(plainLine(event));
    },
    close: () => {},
  };
};

const isLoud = (event: RunEvent): boolean =>
  event.type === 'error' ||
  (event.type === 'warning' && event.notice !== true) ||
  (event.type === 'run-finished' && !wentWell(event));

/** For cron: silent where all is well; warnings, errors and how a failed run ended go to standard error. */
export const quietListener = (stderr: Output): Listener => {
  guard(stderr);
  return {
    on: (event) => {
      if (isLoud(event)) stderr.write(plainLine(event));
    },
    close: () => {},
  };
};
