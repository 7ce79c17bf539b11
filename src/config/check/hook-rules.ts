import { posix } from 'node:path';
import type { RawHook, RawInstance } from '../raw.ts';
import { type Finding, fault } from './finding.ts';
import { labelOf, type Path } from './problem.ts';
import type { Loose } from './sound.ts';
import { durationRule } from './times.ts';

type LooseHook = NonNullable<Loose<RawHook>>;
type LooseInstance = NonNullable<Loose<RawInstance>>;
type LooseCommand = Extract<LooseHook, { readonly kind?: 'command' | undefined }>;

/** How a service is held still; undefined when that is written wrongly, which is told elsewhere. */
const quiesceOf = (service: string, instance: LooseInstance) => {
  const own = instance.services?.[service];
  if (own && 'quiesce' in own) return own.quiesce;
  return 'quiesce' in instance ? instance.quiesce : 'stop';
};

/** A container that is stopped or frozen cannot run anything. */
const stillnessRule = (path: Path, hook: LooseHook, instance: LooseInstance): Finding[] => {
  if (hook.phase !== 'while-stopped' || hook.kind === 'sqlite' || hook.service === undefined) return [];
  const quiesce = quiesceOf(hook.service, instance);
  if (quiesce === undefined || quiesce === 'none') return [];
  const state = quiesce === 'stop' ? 'stopped' : 'paused';
  const message =
    `${labelOf(path)} cannot run while-stopped: ${hook.service} is ${state} then` +
    ' (use before-stop or after-start, or quiesce: none for that service)';
  return [fault([...path, 'phase'], message)];
};

const placeRules = (path: Path, hook: LooseCommand): Finding[] => {
  const label = labelOf(path);
  const found: Finding[] = [];
  if (hook.service !== undefined && hook.host === true) {
    found.push(fault([...path, 'host'], `${label} has both a service and host: true; it runs in one place`));
  }
  if (!('service' in hook) && (!('host' in hook) || hook.host === false)) {
    found.push(fault(path, `${label} does not say where to run: give it a service, or host: true`));
  }
  if (hook.host === true) {
    if (typeof hook.command === 'string') {
      const message = `${label}.command must be a list of words on the host, such as [sync]: there is no shell`;
      found.push(fault([...path, 'command'], message));
    }
    if (hook.user !== undefined) {
      const message = `${label}.user is for commands in a service; on the host the command runs as you do`;
      found.push(fault([...path, 'user'], message));
    }
  } else if (hook.working_dir !== undefined && !hook.working_dir.startsWith('/')) {
    found.push(
      fault([...path, 'working_dir'], `${label}.working_dir must be an absolute path in the container`),
    );
  }
  return found;
};

const commandRules = (path: Path, hook: LooseCommand): Finding[] =>
  hook.command?.[0] === ''
    ? [fault([...path, 'command', 0], `${labelOf(path)}.command[0] must not be empty: it is the program`)]
    : [];

const ownRules = (path: Path, hook: LooseHook): Finding[] => {
  if (hook.kind === 'command') return [...placeRules(path, hook), ...commandRules(path, hook)];
  if (hook.kind === 'sqlite') {
    const plain =
      hook.path === undefined || (posix.normalize(hook.path) === hook.path && !hook.path.endsWith('/'));
    if (plain) return [];
    const message = `${labelOf(path)}.path must be the plain path of a file, without . or .. or a / at its end`;
    return [fault([...path, 'path'], message)];
  }
  if (hook.kind === 'postgres' && 'password' in hook && 'password_file' in hook) {
    const message = `${labelOf(path)} has both password and password_file; keep one`;
    return [fault([...path, 'password_file'], message, 'key')];
  }
  return [];
};

/** Faults for the second and later hooks that have the same of something. */
const sameRule = (
  path: Path,
  hooks: readonly (LooseHook | undefined)[],
  key: 'name' | 'save',
  identity: (hook: LooseHook) => string | undefined,
  message: (first: string, second: string) => string,
): Finding[] => {
  const first = new Map<string, Path>();
  return hooks.flatMap((hook, index) => {
    const own = hook && identity(hook);
    if (own === undefined) return [];
    const at = [...path, index];
    const earlier = first.get(own);
    first.set(own, earlier ?? at);
    return earlier ? [fault([...at, key], message(labelOf(earlier), labelOf(at)))] : [];
  });
};

/** The rules about the hooks of one instance. */
export const hookRules = (instancePath: Path, instance: LooseInstance): Finding[] => {
  const path = [...instancePath, 'hooks'];
  const hooks = instance.hooks ?? [];
  return [
    ...hooks.flatMap((hook, index) => {
      if (hook?.kind === undefined) return [];
      const at = [...path, index];
      return [
        ...durationRule([...at, 'timeout'], hook.timeout, 'refused'),
        ...stillnessRule(at, hook, instance),
        ...ownRules(at, hook),
      ];
    }),
    ...sameRule(
      path,
      hooks,
      'name',
      (hook) => hook.name,
      (a, b) => `${a} and ${b} have the same name`,
    ),
    ...sameRule(
      path,
      hooks,
      'save',
      // A line end can be in neither, so that two pairs never look like one.
      (hook) => (hook.kind === 'command' && hook.save ? `${hook.service ?? ''}\n${hook.save}` : undefined),
      (a, b) => `${a} and ${b} would save to the same file`,
    ),
  ];
};
