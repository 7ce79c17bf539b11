import { finite } from '../../base/text/amount.ts';

/** How far a copy or the hashing is, and how fast. Times in milliseconds of the forward-going clock. */
export interface Meter {
  readonly bytes: number;
  /** Bytes in all; 0 when nobody knows. */
  readonly of: number;
  readonly startedAt: number;
  /** Smoothed, bytes per second; undefined until something was measured. */
  readonly rate: number | undefined;
  /** What the rate was last measured from. */
  readonly measuredAt: number;
  readonly measuredBytes: number;
}

/** Closer together, measurements say more about buffers than about speed. */
const measureEveryMs = 250;
/** How long a change of speed takes to show. */
const smoothingMs = 3_000;
/** Without news for this long a rate begins to fade. */
const patienceMs = 2_000;
/** A guess of more than this is no guess. */
const longestMs = 30 * 86_400_000;

export const newMeter = (of: number, now: number): Meter => ({
  bytes: 0,
  of: finite(of),
  startedAt: now,
  rate: undefined,
  measuredAt: now,
  measuredBytes: 0,
});

export const advance = (meter: Meter, reached: number, now: number): Meter => {
  const bytes = finite(reached);
  const passed = now - meter.measuredAt;
  if (!(passed >= measureEveryMs)) return { ...meter, bytes };
  const speed = (Math.max(0, bytes - meter.measuredBytes) * 1000) / passed;
  const weight = meter.rate === undefined ? 1 : 1 - Math.exp(-passed / smoothingMs);
  const rate = (meter.rate ?? 0) * (1 - weight) + speed * weight;
  return { ...meter, bytes, rate, measuredAt: now, measuredBytes: bytes };
};

/** Bytes per second as of now: it fades where nothing moves. Undefined while unknown. */
export const rateAt = (meter: Meter, now: number): number | undefined => {
  if (meter.rate === undefined) return undefined;
  const idle = Math.max(0, now - meter.measuredAt - patienceMs);
  return finite(meter.rate * Math.exp(-idle / smoothingMs));
};

/** 0 to 1; undefined when the end is unknown. */
export const fractionOf = (meter: Meter): number | undefined =>
  meter.of > 0 ? Math.min(1, meter.bytes / meter.of) : undefined;

/** Milliseconds to go; undefined where that cannot be told. */
export const timeLeft = (meter: Meter, now: number): number | undefined => {
  const rate = rateAt(meter, now);
  if (rate === undefined || rate < 1 || meter.bytes >= meter.of) return undefined;
  const left = ((meter.of - meter.bytes) / rate) * 1000;
  return left < longestMs ? left : undefined;
};
