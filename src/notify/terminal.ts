import { createRequire } from 'node:module';
import type * as LogUpdate from 'log-update';
import type { Clock } from '../base/clock.ts';
import { type Line, paint, type Style } from '../base/text/tone.ts';
import { guard, isProgress, type Listener, type Output } from './listener.ts';
import { reduce, type State } from './terminal/state.ts';
import { settled, view } from './terminal/view.ts';

export interface TerminalOptions {
  readonly clock: Pick<Clock, 'tick'>;
  readonly style: Style;
  readonly several: boolean;
}

/** Ten frames a second: smooth for people, nothing for the machine. */
const frameMs = 100;
const usualWidth = 80;

/** One column stays free: some terminals wrap as soon as the last one is written. */
const widthOf = (stream: Output): number => Math.max(1, (stream.columns || usualWidth) - 1);

/**
 * The live view. What is over stands above it for good; what is under way is drawn anew ten times a second
 * and erased at the end. The cursor stays visible, so that nothing has to be put right after a kill.
 */
export const terminalListener = (stderr: Output, { clock, style, several }: TerminalOptions): Listener => {
  // Here and not above: a run without a terminal does not load what draws on one.
  const { createLogUpdate } = createRequire(import.meta.url)('log-update') as typeof LogUpdate;
  const log = createLogUpdate(guard(stderr), { showCursor: true });
  let state: State = [];
  let timer: NodeJS.Timeout | undefined;
  const painted = (lines: readonly Line[]): string =>
    lines.map((line) => paint(line, style, widthOf(stderr))).join('\n');
  const draw = (): void => {
    // A terminal that stands still gets the next frame when it goes on, and not all that it has missed.
    if (stderr.writableNeedDrain === true) return;
    const text = painted(view(state, widthOf(stderr), clock.tick(), several));
    if (text === '') log.clear();
    else log(text);
  };
  const rest = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    on: (event) => {
      const now = clock.tick();
      const over = painted(settled(state, event, { width: widthOf(stderr), now, several }));
      state = reduce(state, event, now);
      // The next frame shows it soon enough.
      if (isProgress(event)) return;
      if (over !== '') log.persist(over);
      draw();
      if (state.length === 0) rest();
      else timer ??= setInterval(draw, frameMs).unref();
    },
    close: () => {
      rest();
      log.clear();
    },
  };
};
