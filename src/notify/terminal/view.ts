import { formatDuration } from '../../base/duration.ts';
import type { RunEvent } from '../../base/events.ts';
import { printable, printableLines } from '../../base/text/printable.ts';
import type { Line, Tone } from '../../base/text/tone.ts';
import { displayWidth, pad, truncateMiddle, wrap } from '../../base/text/width.ts';
import { phaseLines } from './phases.ts';
import type { RunView, State } from './state.ts';

export interface ViewOptions {
  readonly width: number;
  readonly now: number;
  /** Every line begins with its instance. */
  readonly several: boolean;
}

/** Puts the instance before each line; `lines` gets the columns that are left. */
const prefixed = (
  instance: string,
  { width, several }: ViewOptions,
  lines: (width: number) => readonly Line[],
): readonly Line[] => {
  if (!several) return lines(width);
  const name = truncateMiddle(printable(instance), Math.max(1, Math.floor(width / 4)));
  const rest = width - displayWidth(name) - 2;
  return lines(rest).map((line): Line => [{ text: name, tone: 'quiet' }, pad('', 2), ...line]);
};

const downLine = (run: RunView, now: number): readonly Line[] =>
  run.downSince === undefined
    ? []
    : [[{ text: `  not serving for ${formatDuration(Math.max(0, now - run.downSince))}`, tone: 'warn' }]];

/** The live region: what is under way now. Pure; no line is wider than `width` once painted at it. */
export const view = (state: State, width: number, now: number, several = false): readonly Line[] =>
  state.flatMap((run) =>
    prefixed(run.instance, { width, now, several }, (room) => [
      ...phaseLines(run, room, now, 'live'),
      ...downLine(run, now),
    ]),
  );

/** A message in as many lines as it needs, below its mark. */
const message = (mark: string, tone: Tone, text: string, width: number): readonly Line[] =>
  printableLines(text)
    .flatMap((line) => wrap(line, Math.max(1, width - 2)))
    .map((line, at): Line => [{ text: `${at === 0 ? mark : ' '} ${line}`, tone }]);

const about = (event: RunEvent & { readonly type: 'warning' }): string =>
  event.about === undefined || event.message.includes(event.about)
    ? event.message
    : `${event.about}: ${event.message}`;

/** What an event leaves behind above the live region; `run` is the run as it was before the event. */
const left = (run: RunView | undefined, event: RunEvent, width: number, now: number): readonly Line[] => {
  switch (event.type) {
    case 'run-started':
      return [
        [
          { text: printable(event.instance), tone: 'strong' },
          { text: `  ${printable(event.snapshot)}`, tone: 'quiet' },
        ],
      ];
    case 'phase':
      return run === undefined ? [] : phaseLines(run, width, now, 'done');
    case 'warning':
      return event.notice === true
        ? message('·', 'quiet', about(event), width)
        : message('!', 'warn', about(event), width);
    case 'error':
      return [
        ...(run === undefined ? [] : phaseLines(run, width, now, 'broken')),
        ...message('✗', 'bad', event.message, width),
        ...message('→', 'strong', event.next ?? '', width),
      ];
    case 'run-finished': {
      const isDone = event.outcome === 'complete' || event.outcome === 'complete-with-warnings';
      return run === undefined ? [] : phaseLines(run, width, now, isDone ? 'done' : 'broken');
    }
    default:
      return [];
  }
};

/** The lines that an event adds for good, above the live region. Pure. */
export const settled = (state: State, event: RunEvent, options: ViewOptions): readonly Line[] => {
  const run = state.find((one) => one.instance === event.instance);
  // A check can fail before its run has begun: then nothing else says whose error it is.
  const several = options.several || (run === undefined && event.type === 'error');
  return prefixed(event.instance, { ...options, several }, (room) => left(run, event, room, options.now));
};
