import { type Clock, systemClock } from '../base/clock.ts';
import { closingListener } from './closing.ts';
import { styleFor } from './colour.ts';
import { both, type Listener, type Output } from './listener.ts';
import { ndjsonListener } from './ndjson.ts';
import { plainListener, quietListener } from './plain.ts';
import { terminalListener } from './terminal.ts';

export type { Listener } from './listener.ts';

export interface ListenerOptions {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** False with `--no-color`; NO_COLOR and TERM=dumb count, too. */
  readonly color: boolean;
  /** More than one instance in this call: every line names its own. */
  readonly several?: boolean;
  readonly clock?: Pick<Clock, 'tick'>;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * The listener for this call. `--json`: NDJSON on stdout and nothing else anywhere. `--quiet`: nothing but
 * warnings and errors, on stderr. Otherwise what happens goes to stderr, as a live view on a terminal and
 * as timestamped lines elsewhere (and with `--verbose`), and the closing line goes to stdout.
 */
export const chooseListener = (options: ListenerOptions): Listener => {
  const { stdout, stderr, json, quiet, verbose, clock = systemClock, env = process.env } = options;
  if (json) return ndjsonListener(stdout);
  if (quiet) return quietListener(stderr);
  const wish = { color: options.color, env };
  const isLive = stderr.isTTY === true && env.TERM !== 'dumb' && !verbose;
  const progress = isLive
    ? terminalListener(stderr, { clock, style: styleFor(stderr, wish), several: options.several ?? false })
    : plainListener(stderr, { clock, verbose });
  return both(progress, closingListener(stdout, styleFor(stdout, wish)));
};
