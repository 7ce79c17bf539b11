import { systemClock } from '../../src/base/clock.ts';
import type { Engine } from '../../src/docker/engine.ts';
import type { RunContext } from '../../src/run/context.ts';

/** A run on this machine that nobody listens to. */
export const runContext = (engine: Engine, over: Partial<RunContext> = {}): RunContext => ({
  engine,
  local: true,
  clock: systemClock,
  emit: () => undefined,
  signal: new AbortController().signal,
  warn: () => undefined,
  ...over,
});
