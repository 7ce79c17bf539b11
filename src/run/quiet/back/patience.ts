import { formatDuration } from '../../../base/duration.ts';
import { messageOf } from '../../../base/errors.ts';
import { type PatientEngine, patientEngine } from '../../../docker/patient.ts';
import type { RunContext } from '../../context.ts';

export interface PatientContext extends RunContext {
  readonly engine: PatientEngine;
}

/** How long an engine that has gone away is waited for by whoever was told nothing else, ms (`limits.engine`). */
export const defaultEngineMs = 600_000;

const isPatient = (context: RunContext): context is PatientContext => 'outages' in context.engine;

/**
 * The same context with an engine that is waited for when it goes away, for `limitMs`; a warning says so.
 * All who share the result share that time. One that is patient already stays as it is.
 */
export const patientContext = (context: RunContext, limitMs: number): PatientContext => {
  if (isPatient(context)) return context;
  const { clock, warn } = context;
  const engine = patientEngine(context.engine, {
    limitMs,
    tick: () => clock.tick(),
    onAway: (error) =>
      warn({
        code: 'engine-away',
        message: `${messageOf(error)}; waiting for it to come back, for up to ${formatDuration(limitMs)}`,
      }),
    onBack: (ms) =>
      warn({
        code: 'engine-back',
        message: `the engine answers again after ${formatDuration(ms)}`,
        notice: true,
      }),
  });
  return { ...context, engine };
};
