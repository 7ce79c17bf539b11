import { formatBytes, formatRate } from '../base/text/amount.ts';
import { clip } from '../base/text/width.ts';
import { advance, newMeter, rateAt } from './terminal/meter.ts';

/** A line that tells how far something has come, and is gone afterwards. */
export interface Gauge {
  readonly to: (bytes: number) => void;
  readonly clear: () => void;
}

const everyMs = 200;

/** On a terminal: what it is at, bytes, speed, in one line that is drawn over. Elsewhere nothing. */
export const gauge = (
  stream: NodeJS.WriteStream,
  what: string,
  tick: () => number = () => performance.now(),
  env: NodeJS.ProcessEnv = process.env,
): Gauge => {
  if (!stream.isTTY || env.TERM === 'dumb') return { to: () => undefined, clear: () => undefined };
  let meter = newMeter(0, tick());
  let drawn = Number.NEGATIVE_INFINITY;
  return {
    to: (bytes) => {
      const now = tick();
      meter = advance(meter, bytes, now);
      if (now - drawn < everyMs) return;
      drawn = now;
      const rate = rateAt(meter, now);
      const text = `${what}  ${formatBytes(bytes)}${rate === undefined ? '' : `, ${formatRate(rate)}`}`;
      stream.write(`\r\u001b[K${clip(text, (stream.columns ?? 80) - 1)}`);
    },
    clear: () => {
      if (drawn > Number.NEGATIVE_INFINITY) stream.write('\r\u001b[K');
    },
  };
};
