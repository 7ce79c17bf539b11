import { StackBackupError } from '../base/errors.ts';
import type { Warning } from '../base/events.ts';
import type { Instance } from '../config/types.ts';
import type { Measured } from '../copy/types.ts';
import { archivePath, bindPath, volumePath } from '../snapshot/layout.ts';
import type { Consistency } from '../snapshot/types.ts';
import type { Mount, SkippedMount, Stack } from '../stack/types.ts';
import { decideForm, type Form } from './form.ts';
import type { PlannedContainer, PlannedCopy, UntouchedContainer } from './types.ts';

/** `*` stands for anything (slashes too), `?` for one character: names of volumes are no paths. */
const matches = (name: string, pattern: string): boolean =>
  new RegExp(
    `^${pattern
      .split(/([*?])/)
      .map((part) => (part === '*' ? '.*' : part === '?' ? '.' : RegExp.escape(part)))
      .join('')}$`,
    's',
  ).test(name);

/**
 * A volume answers to its full name and to the short name of the compose file (`core_db` and `db`). One from
 * elsewhere may carry the short name that it has there.
 */
const namesOf = ({ name, external, labels }: Mount): string[] => [
  name,
  external ? name : (labels['com.docker.compose.volume'] ?? name),
];

const isWanted = (mount: Mount, instance: Instance): boolean => {
  const anyMatch = (patterns: readonly string[]): boolean =>
    patterns.some((pattern) => namesOf(mount).some((name) => matches(name, pattern)));
  return (instance.include.length === 0 || anyMatch(instance.include)) && !anyMatch(instance.exclude);
};

type PlannedBase = NonNullable<PlannedCopy['base']>;

const isUsable = (base: PlannedBase | undefined, form: Form['form']): base is PlannedBase =>
  base !== undefined && base.form === form && !(form === 'archive' && isWorn(base));

const isBelow = (path: string, folder: string): boolean =>
  path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);

/** A bind inside another bind that is copied is in that copy already. */
const outerBind = (mount: Mount, mounts: readonly Mount[]): Mount | undefined =>
  mount.kind === 'bind'
    ? mounts.find((other) => other.kind === 'bind' && other !== mount && isBelow(mount.source, other.source))
    : undefined;

interface Users {
  readonly planned: ReadonlyMap<string, PlannedContainer>;
  readonly untouched: ReadonlyMap<string, UntouchedContainer>;
}

const liveWriters = (mount: Mount, users: Users): string[] =>
  mount.users
    .filter((user) => user.writable && users.untouched.get(user.container)?.state === 'running')
    .map((user) => user.service);

/** The weakest of what its writers allow: frozen or killed ones leave the state of a power cut. */
const consistencyOf = (mount: Mount, users: Users): Consistency => {
  const writers = mount.users.filter((user) => user.writable);
  const isFrozen = (id: string): boolean =>
    users.planned.get(id)?.action === 'pause' || users.untouched.get(id)?.state === 'paused';
  if (mount.strangers.length > 0 || writers.some((user) => isFrozen(user.container))) return 'crash';
  return writers.some((user) => users.planned.has(user.container)) ? 'clean' : 'cold';
};

const methodOf = (mount: Mount, instance: Instance): 'host' | 'api' => {
  if (instance.copy === 'host' && !mount.onHost)
    throw new StackBackupError('config-invalid', `${mount.name} cannot be read under a path of this host`, {
      next: 'Run as root on the engine’s host, or set `copy: auto` to go through the Engine’s archive API.',
    });
  return instance.copy === 'api' || !mount.onHost ? 'api' : 'host';
};

const reasonOf = (mount: Mount, method: 'host' | 'api', instance: Instance): string => {
  if (method === 'host') return 'its host path can be read';
  if (instance.copy === 'api') return 'copy: api';
  return Object.keys(mount.options).length > 0 || (mount.driver !== 'local' && mount.kind === 'volume')
    ? 'its driver mounts it only while a container uses it'
    : 'its host path cannot be read from here';
};

const taskPath = (mount: Mount, form: Form['form']): string => {
  const tree = mount.kind === 'volume' ? volumePath(mount.name) : bindPath(mount.name);
  return form === 'tree' ? tree : archivePath(tree);
};

const formOf = (
  mount: Mount,
  method: 'host' | 'api',
  instance: Instance,
  size: Measured | undefined,
  base: PlannedBase | undefined,
): Form => {
  if (method === 'api') return { form: 'archive', reason: 'the engine sends it so' };
  const own = namesOf(mount).map((name) => instance.volumes[name]?.format);
  return decideForm(own.find((format) => format !== undefined) ?? instance.format, size, base?.form);
};

/** Files of an archive that nobody would want to unpack in a row any more. */
const mostParts = 12;

/** Of an archive so much may be superseded before all of it is written anew. */
const isWorn = ({ parts }: PlannedBase): boolean => {
  const [first, ...others] = parts.map(({ bytes }) => bytes);
  return parts.length >= mostParts || others.reduce((sum, bytes) => sum + bytes, 0) > (first ?? 0);
};

/**
 * Whether it pays, and is right, to copy it while it is in use: services would be down for the copy, or most
 * of it need not be copied at all. What was not measured is not known to tell its changes.
 */
const isWarm = (
  instance: Instance,
  size: Measured | undefined,
  base: PlannedBase | undefined,
  planned: readonly PlannedContainer[],
): boolean =>
  size !== undefined &&
  size.cold === undefined &&
  ((instance.warm && planned.length > 0) || base !== undefined);

const skip = (mount: Mount, reason: string): SkippedMount => ({
  kind: mount.kind,
  name: mount.name,
  services: [...new Set(mount.users.map((user) => user.service))],
  reason,
});

/** Why a mount is left out of this plan, or undefined. */
const skipReason = (
  mount: Mount,
  wanted: readonly Mount[],
  instance: Instance,
  users: Users,
): string | undefined => {
  if (!isWanted(mount, instance)) return 'left out by include/exclude';
  const outer = outerBind(mount, wanted);
  if (outer !== undefined) return `inside ${outer.name}, which is copied`;
  const writers = liveWriters(mount, users);
  if (writers.length > 0)
    return `${[...new Set(writers)].join(', ')} keeps running (quiesce: none): only its dumps are kept`;
  return undefined;
};

/** A volume left out because its writer keeps running is only as safe as that writer's dumps. */
const unkept = (mount: Mount, instance: Instance, users: Users): readonly Warning[] => {
  const writers = [...new Set(liveWriters(mount, users))];
  const isDumped = (service: string): boolean =>
    instance.hooks.some(
      (hook) => hook.service === service && (hook.kind !== 'command' || hook.save !== undefined),
    );
  if (!isWanted(mount, instance) || writers.length === 0 || writers.some(isDumped)) return [];
  const message = `${mount.name} is kept nowhere: ${writers.join(', ')} keeps running (quiesce: none) and no hook dumps it`;
  return [{ code: 'not-kept', about: mount.name, message }];
};

/** What is copied and how, and what is left out and why. Pure. */
export const decideMounts = (
  instance: Instance,
  stack: Stack,
  containers: {
    readonly planned: readonly PlannedContainer[];
    readonly untouched: readonly UntouchedContainer[];
  },
  sizes: ReadonlyMap<string, Measured>,
  bases: ReadonlyMap<string, PlannedBase>,
): { copies: readonly PlannedCopy[]; skipped: readonly SkippedMount[]; warnings: readonly Warning[] } => {
  const users: Users = {
    planned: new Map(containers.planned.map((one) => [one.id, one])),
    untouched: new Map(containers.untouched.map((one) => [one.id, one])),
  };
  const wanted = stack.mounts.filter((mount) => isWanted(mount, instance));
  const copies: PlannedCopy[] = [];
  const skipped: SkippedMount[] = [...stack.skipped];
  const warnings: Warning[] = [];
  for (const mount of stack.mounts) {
    const without = skipReason(mount, wanted, instance, users);
    if (without !== undefined) {
      skipped.push(skip(mount, without));
      warnings.push(...unkept(mount, instance, users));
      continue;
    }
    const method = methodOf(mount, instance);
    const size = sizes.get(mount.name);
    const consistency = consistencyOf(mount, users);
    const earlier = size?.cold === undefined ? bases.get(mount.name) : undefined;
    const { form, reason: formReason } = formOf(mount, method, instance, size, earlier);
    const base = instance.incremental && method === 'host' && isUsable(earlier, form) ? earlier : undefined;
    copies.push({
      task: {
        kind: mount.kind,
        name: mount.name,
        source: mount.source,
        path: taskPath(mount, form),
        method,
      },
      mount,
      reason: reasonOf(mount, method, instance),
      consistency,
      size,
      warm: method === 'host' && isWarm(instance, size, base, containers.planned),
      // Of a bind nobody knows which process of the host has it open.
      quiet: mount.kind === 'volume' && consistency !== 'crash',
      form,
      formReason,
      ...(base === undefined ? {} : { base }),
    });
    if (mount.strangers.length > 0)
      warnings.push({
        code: 'shared-with-running',
        about: mount.name,
        message: `${mount.strangers.join(', ')} of another project can write to ${mount.name} and keeps running during the copy`,
      });
  }
  return { copies, skipped, warnings };
};
