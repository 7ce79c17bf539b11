import { StackBackupError } from '../../base/errors.ts';
import type { Warning } from '../../base/events.ts';
import type { ManifestDump } from '../../snapshot/types.ts';
import { composeLabel } from '../../stack/labels.ts';
import type { Mount, Stack } from '../../stack/types.ts';
import { neededFor, planBackup } from '../backup.ts';
import type { BackupPlan } from '../types.ts';
import { chooseMounts } from './choose.ts';
import { nothingLeft, othersRefusal, projectRefusal, servingOf, unguarded } from './refusals.ts';
import { decideStops, type Overwritten, usedBy } from './stops.ts';
import { targetsOf } from './targets.ts';
import { isWritableHere } from './through.ts';
import type {
  Guarded,
  LeftOut,
  PlannedPutBack,
  RestoreChoice,
  RestoreFacts,
  RestorePlan,
  SafetyFacts,
} from './types.ts';

/** Dumps that can be loaded again. */
const loadable = [
  { kind: 'postgres', format: 'pg_dump custom' },
  { kind: 'sqlite', format: 'sqlite' },
];

const chooseDumps = ({ manifest }: RestoreFacts, { services }: RestoreChoice): readonly ManifestDump[] => {
  const dumps = manifest.dumps.filter(
    (dump) =>
      loadable.some((one) => one.kind === dump.kind && one.format === dump.format) &&
      (services.length === 0 || services.includes(dump.service)),
  );
  if (dumps.length === 0)
    throw new StackBackupError('usage', 'the snapshot has no dump of what was asked for', {
      next: 'See what it has with `stack-backup show`; hooks of kind postgres, and of kind sqlite with `backup: true`, make dumps.',
    });
  return dumps;
};

/** What the services of dumps have mounted: kept before, because loading changes it. */
const mountsOfServices = ({ mounts }: Stack, services: readonly string[]): readonly Mount[] =>
  mounts.filter((mount) => mount.users.some((user) => user.writable && services.includes(user.service)));

const guardedBy = ({ name, kind, source, onHost }: Mount, { writable }: RestoreFacts): Guarded => ({
  ...{ name, kind, source },
  method: isWritableHere({ onHost, source }, writable) ? 'host' : 'api',
});

/** The stack with the containers of other projects that use the data, which are stopped with it. */
const withOthers = (
  { stack, others, reach }: RestoreFacts,
  overwritten: readonly Overwritten[],
): { readonly stack: Stack; readonly found: readonly { readonly name: string; readonly uses: string }[] } => {
  const using = others.flatMap((container) => {
    const used = usedBy(container, overwritten, reach);
    return used === undefined ? [] : [{ container, uses: used.name }];
  });
  return {
    stack: { ...stack, containers: [...stack.containers, ...using.map((one) => one.container)] },
    found: using.map(({ container, uses }) => ({
      name: `${container.name} (${container.details.labels[composeLabel.project] ?? 'no project'})`,
      uses,
    })),
  };
};

/**
 * The window as a backup: what is stopped, and a copy of what is about to be overwritten. No hooks: they are
 * for data that is whole.
 */
const windowOf = (
  facts: RestoreFacts,
  stack: Stack,
  stops: Pick<BackupPlan, 'stopWaves' | 'untouched'>,
  kept: readonly string[],
  { sizes, before }: SafetyFacts,
): BackupPlan => {
  const { instance } = facts;
  const plain = {
    ...instance,
    quiesce: 'stop',
    services: {},
    hooks: [],
    checks: [],
    include: [],
    exclude: [],
    logs: false,
    limits: { ...instance.limits, downtime: 0, maxDowntime: 0 },
  } as const;
  const plan = planBackup(plain, stack, sizes, before);
  const copies = plan.copies
    .filter(({ mount }) => kept.includes(mount.name))
    .map((copy) => ({ ...copy, mount: { ...copy.mount, strangers: [] } }));
  return { ...plan, ...stops, copies, skipped: [], warnings: [], needed: neededFor(copies) };
};

const warningsOf = (
  facts: RestoreFacts,
  choice: RestoreChoice,
  left: readonly LeftOut[],
): readonly Warning[] => [
  ...facts.stack.warnings.map((warning): Warning => ({ ...warning, notice: true })),
  ...left.map(
    ({ name, reason }): Warning => ({
      code: 'not-restored',
      about: name,
      message: `${name} is not put back: ${reason}`,
    }),
  ),
  ...(choice.safety
    ? []
    : [
        {
          code: 'no-safety',
          message:
            'no safety snapshot is taken (--no-safety): what is overwritten is gone, and the restore cannot be undone',
        },
      ]),
];

const measured = (putBack: PlannedPutBack, { sizes }: SafetyFacts): PlannedPutBack => {
  const now = sizes.get(putBack.name);
  return now === undefined ? putBack : { ...putBack, now };
};

/**
 * Everything a restore of this snapshot into this stack will do, as data: what is put back where, what is made
 * anew, what is stopped, what of the present state is kept, and what stands in its way. Pure. Rejects with
 * `usage` when the choice names what the snapshot does not have.
 */
export const planRestore = (facts: RestoreFacts, choice: RestoreChoice, safety: SafetyFacts): RestorePlan => {
  const loads = choice.fromDump ? chooseDumps(facts, choice) : [];
  const targets = choice.fromDump ? [] : targetsOf(facts, chooseMounts(facts.manifest, choice));
  const putBacks = targets.flatMap((target): readonly PlannedPutBack[] =>
    'putBack' in target ? [measured(target.putBack, safety)] : [],
  );
  const left = targets.flatMap((target) => ('leftOut' in target ? [target.leftOut] : []));
  const guarded = mountsOfServices(facts.stack, [...new Set(loads.map(({ service }) => service))]);
  const overwritten: readonly Overwritten[] = choice.fromDump ? guarded : putBacks;
  const { stack, found } = withOthers(facts, overwritten);
  const { revived, refusals, ...stops } = decideStops(stack, facts.manifest, overwritten, facts.reach);
  const missing = putBacks.filter(({ isMissing }) => isMissing).map(({ name }) => name);
  const kept = choice.safety
    ? overwritten.map(({ name }) => name).filter((name) => !missing.includes(name))
    : [];
  const { serving, refusals: notServing } = servingOf(facts, loads);
  return {
    instance: facts.instance,
    folder: facts.folder,
    manifest: facts.manifest,
    putBacks,
    leftOut: left,
    loads,
    guarded: guarded.map((mount) => guardedBy(mount, facts)),
    window: windowOf(facts, stack, stops, kept, safety),
    revived,
    serving,
    others: found,
    devices: choice.devices,
    warnings: warningsOf(facts, choice, left),
    refusals: [
      ...projectRefusal(facts),
      ...targets.flatMap((target) => ('refusal' in target ? [target.refusal] : [])),
      ...nothingLeft(targets, left),
      ...othersRefusal(found, choice),
      ...refusals,
      ...notServing,
      ...unguarded(facts, choice, guarded),
    ],
  };
};
