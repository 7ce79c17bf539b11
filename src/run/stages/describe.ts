import { hostname } from 'node:os';
import type { Warning } from '../../base/events.ts';
import type { CopyResult } from '../../copy/types.ts';
import type { Delta } from '../../copy/warm/types.ts';
import type { PlannedCopy } from '../../plan/types.ts';
import { manifestSchemaId } from '../../snapshot/manifest.ts';
import type {
  Consistency,
  Manifest,
  ManifestCheck,
  ManifestContainer,
  ManifestMount,
} from '../../snapshot/types.ts';
import { redactOptions } from '../../stack/redact.ts';
import type { Mount, StackContainer } from '../../stack/types.ts';
import { backMsOf, downtimeOf, type LedgerEntry, windowOf } from '../quiet/ledger.ts';
import type { Run } from '../run.ts';

/** What stands in a manifest because of how its run ended. */
export interface LastFacts {
  readonly checks: readonly ManifestCheck[];
  readonly warnings: readonly Warning[];
}

/** What a run found out while its snapshot was finished. */
export interface FinishFacts extends LastFacts {
  readonly consistent: Date;
  readonly finished: Date;
  /** Clock tick at the end. */
  readonly tick: number;
  readonly copies: readonly CopyResult[];
  readonly images: ReadonlyMap<string, readonly string[]>;
  readonly sums: Manifest['sums'];
}

/** What a mount or a container is described from. */
interface RunFacts extends FinishFacts, Pick<Run, 'plan' | 'ledger'> {}

const killedCode = 137;

/** What the files of a container are worth, from what was really done to it. */
const consistencyOf = (container: StackContainer, entry: LedgerEntry | undefined): Consistency => {
  if (entry?.ended === true) return entry.exitCode === killedCode ? 'crash' : 'cold';
  if (entry !== undefined)
    return entry.container.action === 'pause' || entry.exitCode === killedCode ? 'crash' : 'clean';
  if (container.details.state === 'paused') return 'crash';
  return container.details.state === 'running' ? 'dump-only' : 'cold';
};

const containerOf = (container: StackContainer, facts: RunFacts): ManifestContainer => {
  const entry = facts.ledger.get(container.id);
  const { details } = container;
  return {
    id: container.id,
    name: container.name,
    service: container.service,
    image: details.image,
    imageId: details.imageId,
    digests: facts.images.get(details.imageId) ?? [],
    stateBefore: details.state,
    healthBefore: details.health,
    restartPolicy: details.restartPolicy.name,
    quiesced: entry === undefined || entry.ended === true ? 'none' : entry.container.action,
    consistency: consistencyOf(container, entry),
    ...(entry?.exitCode === undefined ? {} : { exitCode: entry.exitCode }),
    downtimeMs: downtimeOf(entry, facts.tick),
  };
};

/** A mount is worth no more than its weakest writer: one that was killed may have left half a write. */
const mountConsistency = (
  copy: PlannedCopy,
  containers: ReadonlyMap<string, ManifestContainer>,
): Consistency =>
  copy.mount.users.some((user) => user.writable && containers.get(user.container)?.consistency === 'crash')
    ? 'crash'
    : copy.consistency;

/** Who uses a mount, by service: replicas are no news. */
const usersOf = (mount: Mount): ManifestMount['users'] => {
  const users = mount.users.map(({ service, destination, writable }) => ({ service, destination, writable }));
  return [...new Map(users.map((user) => [JSON.stringify(user), user])).values()];
};

const mountOf = (
  result: CopyResult,
  facts: RunFacts,
  containers: ReadonlyMap<string, ManifestContainer>,
): ManifestMount => {
  const planned = facts.plan.copies.find((one) => one.task.path === result.task.path) as PlannedCopy;
  const { mount } = planned;
  return {
    kind: mount.kind,
    name: mount.name,
    path: result.task.path,
    form: result.form,
    method: result.task.method,
    source: mount.source,
    driver: mount.driver,
    options: redactOptions(mount.options),
    labels: mount.labels,
    anonymous: mount.anonymous,
    external: mount.external,
    users: usersOf(mount),
    entries: result.entries,
    files: result.files,
    bytes: result.bytes,
    lost: result.lost,
    consistency: mountConsistency(planned, containers),
    index: result.index,
    ...(result.parts === undefined ? {} : { parts: result.parts }),
    ...(result.settled === undefined ? {} : { settled: String(result.settled) }),
    ...(result.shared === undefined || planned.base === undefined
      ? {}
      : { base: planned.base.snapshot, shared: result.shared }),
    ...(result.delta === undefined ? {} : { window: windowOfCopy(result, result.delta) }),
  };
};

const windowOfCopy = ({ ms }: CopyResult, { captured }: Delta): NonNullable<ManifestMount['window']> => ({
  entries: captured.entries,
  bytes: captured.bytes,
  ms,
});

/** The longest downtime of each service's containers, ms. */
const perService = (containers: readonly ManifestContainer[]): Record<string, number> => {
  const services: Record<string, number> = {};
  for (const { service, downtimeMs } of containers)
    services[service] = Math.max(services[service] ?? 0, downtimeMs);
  return services;
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Until when the snapshot is not to be removed, where that was asked for. */
const pinOf = ({ started, options: { pinnedMs } }: Run): Pick<Manifest, 'pinnedUntil'> =>
  pinnedMs === undefined ? {} : { pinnedUntil: new Date(started.getTime() + pinnedMs).toISOString() };

/** The manifest of a run that has everything in place. Pure; holds no secrets, because nothing in it may. */
export const manifestOf = (run: Run, finish: FinishFacts): Manifest => {
  const { plan, ledger, needs, options, hooks, tools } = run;
  const facts: RunFacts = { ...finish, plan, ledger };
  const containers = plan.stack.containers.map((container) => containerOf(container, facts));
  const byId = new Map(containers.map((container) => [container.id, container]));
  const backMs = backMsOf(ledger, needs);
  const mounts = facts.copies.map((result) => mountOf(result, facts, byId));
  return {
    $schema: manifestSchemaId,
    version: 1,
    run: run.id,
    snapshot: run.snapshot,
    instance: plan.instance.name,
    project: plan.stack.project,
    type: options.type,
    tags: options.tags,
    note: options.note,
    ...pinOf(run),
    outcome: facts.warnings.some((warning) => warning.notice !== true)
      ? 'complete-with-warnings'
      : 'complete',
    timezone: plan.instance.timezone,
    started: run.started.toISOString(),
    consistent: facts.consistent.toISOString(),
    finished: facts.finished.toISOString(),
    tool: { version: options.toolVersion, node: process.versions.node },
    engine: {
      id: tools.info.id,
      version: tools.info.version,
      api: tools.info.apiVersion,
      os: tools.info.os,
    },
    compose: { version: plan.stack.composeVersion ?? null, files: plan.stack.composeFiles },
    host: hostname(),
    containers,
    mounts,
    skipped: plan.skipped,
    dumps: hooks.dumps,
    hooks: hooks.results,
    ...(facts.checks.length === 0 ? {} : { checks: facts.checks }),
    downtime: {
      maxMs: Math.max(0, ...containers.map((container) => container.downtimeMs)),
      windowMs: windowOf(ledger),
      ...(backMs !== undefined && { backMs }),
      services: perService(containers),
    },
    totals: {
      entries: sum(mounts.map((mount) => mount.entries)),
      files: sum(mounts.map((mount) => mount.files)),
      bytes: sum(mounts.map((mount) => mount.bytes)) + sum(hooks.dumps.map((dump) => dump.bytes)),
    },
    sums: facts.sums,
    warnings: facts.warnings,
  };
};
