import type { RestorePlan } from './types.ts';

/**
 * A restore plan for machines. Every key is named here, none is taken over as a whole: a plan holds
 * environments of containers and options of volumes, and none of these may leave it.
 */
export const restoreToJson = (plan: RestorePlan) => ({
  snapshot: plan.manifest.snapshot,
  folder: plan.folder,
  consistent: plan.manifest.consistent,
  instance: plan.instance.name,
  project: plan.instance.project,
  /** First wave first; starting goes through them backwards. */
  stopWaves: plan.window.stopWaves.map((wave) =>
    wave.map(({ id, name, service, action, stateBefore, awaitHealth, reason }) => ({
      id,
      name,
      service,
      action,
      stateBefore,
      awaitHealth,
      reason,
    })),
  ),
  others: plan.others.map(({ name, uses }) => ({ name, uses })),
  putBacks: plan.putBacks.map((put) => ({
    mount: put.mount.name,
    kind: put.kind,
    name: put.name,
    method: put.method,
    makes: put.create !== undefined || put.isMissing === true,
    paths: put.paths?.map((path) => path.toString('base64')) ?? null,
    bytes: put.mount.bytes,
    files: put.mount.files,
    reason: put.reason,
  })),
  loads: plan.loads.map(({ service, kind, path, database, bytes }) => ({
    service,
    kind,
    path,
    database: database ?? null,
    bytes,
  })),
  kept: plan.window.copies.map(({ mount }) => mount.name),
  leftOut: plan.leftOut,
  warnings: plan.warnings,
  refusals: plan.refusals,
});
