import type { Check } from '../config/checks/types.ts';
import type { HookConfig } from '../config/types.ts';
import { describeCheck, describeHook } from './describe.ts';
import type { BackupPlan, PlannedContainer, PlannedCopy, UntouchedContainer } from './types.ts';

const container = ({ id, name, service, reason }: PlannedContainer | UntouchedContainer) => ({
  id,
  name,
  service,
  reason,
});

const planned = (one: PlannedContainer) => ({
  ...container(one),
  action: one.action,
  stateBefore: one.stateBefore,
  awaitHealth: one.awaitHealth,
});

const copy = ({ task, mount, reason, consistency, size, warm, base, form, formReason }: PlannedCopy) => ({
  kind: task.kind,
  name: task.name,
  source: mount.source,
  path: task.path,
  method: task.method,
  reason,
  consistency,
  form,
  formReason,
  warm,
  base: base?.snapshot ?? null,
  services: [...new Set(mount.users.map((user) => user.service))],
  size:
    size === undefined
      ? null
      : { entries: size.entries, files: size.files, bytes: size.bytes, allocated: size.allocated },
  changed: size?.changed ?? null,
});

const hook = (one: HookConfig) => ({
  name: one.name,
  kind: one.kind,
  service: one.service ?? null,
  phase: one.phase,
  timeoutMs: one.timeout,
  onFailure: one.onFailure,
  does: describeHook(one),
});

const check = (one: Check) => ({
  name: one.name,
  kind: one.kind,
  service: one.service,
  timeoutMs: one.timeout,
  onFailure: one.onFailure,
  does: describeCheck(one),
});

/**
 * A plan for machines. Every key is named here, none is taken over as a whole: a plan holds environments of
 * containers, the compose model and passwords of hooks, and none of these may leave it.
 */
export const planToJson = (plan: BackupPlan) => ({
  instance: plan.instance.name,
  project: plan.stack.project,
  from: plan.instance.from,
  backups: plan.instance.backups,
  quiesce: plan.instance.quiesce,
  /** First wave first; starting goes through them backwards. */
  stopWaves: plan.stopWaves.map((wave) => wave.map(planned)),
  untouched: plan.untouched.map((one) => ({ ...container(one), state: one.state })),
  copies: plan.copies.map(copy),
  skipped: plan.skipped.map(({ kind, name, services, reason }) => ({ kind, name, services, reason })),
  hooks: plan.hooks.map(hook),
  checks: plan.instance.checks.map(check),
  warnings: plan.warnings,
  readRate: plan.instance.limits.readRate || null,
  needed: { bytes: plan.needed.bytes, inodes: plan.needed.inodes },
  predictedDowntimeMs: plan.predictedDowntimeMs ?? null,
  predictedBackMs: plan.predictedBackMs ?? null,
});
