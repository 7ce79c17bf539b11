import type { StackBackupError } from '../../base/errors.ts';
import type { DrillRecord, Target } from '../../run/drill/record.ts';
import { ageOf } from '../sandbox/open.ts';
import type { Drill, DrillEnd, Measures } from '../task.ts';

const mostFailures = 50;

const targetOf = (ms: number | undefined, limitMs: number): Target | undefined =>
  limitMs === 0 || ms === undefined ? undefined : { ms, limitMs, met: ms <= limitMs };

const outcomeOf = (failed: number, error: StackBackupError | undefined): DrillRecord['outcome'] => {
  if (error !== undefined) return error.code === 'interrupted' ? 'interrupted' : 'failed';
  return failed > 0 ? 'failed' : 'passed';
};

/** What the history, the runbook and whoever asked are told of a drill that is over. */
export const endOf = (
  drill: Drill,
  measures: Measures,
  error: StackBackupError | undefined,
  isKept: boolean,
): DrillEnd => {
  const { task, tools, started, checks } = drill;
  const failures = checks.filter(({ ok }) => !ok);
  const totalMs = Math.round(tools.clock.tick() - drill.tick);
  const rto = targetOf(measures.healthyMs, task.settings.rto);
  const rpo = targetOf(ageOf(drill), task.settings.rpo);
  const { bytes, files, restoredMs, healthyMs } = measures;
  return {
    checks,
    record: {
      version: 1,
      kind: 'drill',
      run: drill.id,
      instance: task.instance,
      project: drill.id,
      snapshot: task.manifest.snapshot,
      path: task.folder,
      ...(task.isOwn ? {} : { elsewhere: true as const }),
      data: task.data,
      by: tools.by,
      started: started.toISOString(),
      finished: new Date(Math.max(tools.clock.now().getTime(), started.getTime() + totalMs)).toISOString(),
      outcome: outcomeOf(failures.length, error),
      ...(error === undefined
        ? {}
        : {
            error: {
              code: error.code,
              message: error.message,
              ...(error.next === undefined ? {} : { next: error.next }),
            },
          }),
      checks: { passed: checks.length - failures.length, failed: failures.length },
      failures: failures.slice(0, mostFailures),
      ...(restoredMs === undefined ? {} : { restoredMs }),
      ...(healthyMs === undefined ? {} : { healthyMs }),
      ageMs: ageOf(drill),
      ...(rto === undefined ? {} : { rto }),
      ...(rpo === undefined ? {} : { rpo }),
      totalMs,
      bytes,
      files,
      observations: drill.observations,
      ...(isKept ? { kept: true as const } : {}),
    },
  };
};
