import { fieldsOf, listOf, textOf, textsOf } from './read.ts';
import type { Fields, Json } from './types.ts';

/** The value that the sandbox gets for a key, or undefined when it gets none. */
type Keep = (value: Json) => Json | undefined;

const whole = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

export const isHostName = (name: string): boolean => whole.test(name);

const truth: Keep = (value) => (value === true ? true : undefined);

const matching =
  (pattern: RegExp): Keep =>
  (value) => {
    const text = typeof value === 'number' ? String(value) : textOf(value);
    return text !== undefined && pattern.test(text) ? text : undefined;
  };

/** A command line: a list of words, or one text that Compose splits. */
const words: Keep = (value) => {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? textsOf(value) : undefined;
};

const duration = matching(/^(\d+(\.\d+)?(h|ms|m|s|us|ns))+$/);
const size = matching(/^\d{1,18}(\.\d+)?([bkmgBKMG][bB]?)?$/);
const count = matching(/^\d{1,9}$/);

const healthcheck: Keep = (value) => {
  const given = fieldsOf(value);
  if (given.disable === true) return { disable: true };
  const kept = defined({
    test: words(given.test),
    interval: duration(given.interval),
    timeout: duration(given.timeout),
    start_period: duration(given.start_period),
    start_interval: duration(given.start_interval),
    retries: numberOf(count(given.retries)),
  });
  return Object.keys(kept).length === 0 ? undefined : kept;
};

const numberOf = (text: Json | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);

/** A folder in memory, with its size and mode: `/tmp`, `/run:size=64m`. */
const tmpfs: Keep = (value) => {
  const folders = (typeof value === 'string' ? [value] : textsOf(value)).filter((one) =>
    /^\/[^:\0]*(:[A-Za-z0-9=,]*)?$/.test(one),
  );
  return folders.length === 0 ? undefined : folders;
};

const ulimit = ([name, limit]: readonly [string, Json]): [string, Json][] => {
  if (!/^[a-z]{1,20}$/.test(name)) return [];
  if (Number.isSafeInteger(limit)) return [[name, limit]];
  const { soft, hard } = fieldsOf(limit);
  return Number.isSafeInteger(soft) && Number.isSafeInteger(hard) ? [[name, { soft, hard }]] : [];
};

const ulimits: Keep = (value) => {
  const kept = Object.entries(fieldsOf(value)).flatMap(ulimit);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
};

const groups: Keep = (value) => {
  const kept = listOf(value)
    .map((group) => String(group))
    .filter((group) => /^[A-Za-z0-9_.-]{1,64}$/.test(group));
  return kept.length === 0 ? undefined : kept;
};

/** Only what takes rights away. `NET_RAW` goes in any case: nobody in the sandbox writes raw packets. */
const droppedCapabilities: Keep = (value) => [
  ...new Set([...textsOf(value).filter((one) => /^[A-Za-z_]{1,40}$/.test(one)), 'NET_RAW']),
];

const safeOptions: Keep = (value) => {
  const kept = textsOf(value).filter((option) => /^no-new-privileges(:true)?$/.test(option));
  return kept.length === 0 ? undefined : kept;
};

const limits: Keep = (value) => {
  const given = fieldsOf(fieldsOf(fieldsOf(value).resources).limits);
  const kept = defined({ cpus: matching(/^\d+(\.\d+)?$/)(given.cpus), memory: size(given.memory) });
  return Object.keys(kept).length === 0 ? undefined : { resources: { limits: kept } };
};

/** Commands that Compose runs in a container after its start, never with rights of their own. */
const postStart: Keep = (value) => {
  const hooks = listOf(value)
    .map(fieldsOf)
    .filter((hook) => words(hook.command) !== undefined);
  return hooks.length === 0
    ? undefined
    : hooks.map((hook) =>
        defined({
          command: words(hook.command),
          user: user(hook.user),
          working_dir: folder(hook.working_dir),
          environment: environmentOf(hook.environment),
        }),
      );
};

const user = matching(/^[A-Za-z0-9_.-]{1,64}(:[A-Za-z0-9_.-]{1,64})?$/);
const folder = matching(/^\/[^\0]*$/);

/** Variables with values. One without would be taken from the environment of whoever runs the drill. */
export const environmentOf = (value: Json): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(fieldsOf(value)).flatMap(([name, given]) =>
      (typeof given === 'string' || typeof given === 'number' || typeof given === 'boolean') &&
      /^[^=\0\s$]+$/.test(name)
        ? [[name, String(given)]]
        : [],
    ),
  );

/**
 * Everything of a service that gets into a sandbox. What is not named here does not: rights, devices, ports,
 * namespaces and paths of the host, plug-ins, and whatever a newer Compose may come to know.
 */
const kept: Readonly<Record<string, Keep>> = {
  command: words,
  entrypoint: words,
  user,
  working_dir: folder,
  hostname: matching(whole),
  domainname: matching(whole),
  healthcheck,
  stop_signal: matching(/^[A-Z0-9+]{1,20}$/),
  stop_grace_period: duration,
  init: truth,
  tty: truth,
  stdin_open: truth,
  read_only: truth,
  tmpfs,
  shm_size: size,
  ulimits,
  group_add: groups,
  cap_drop: droppedCapabilities,
  security_opt: safeOptions,
  mem_limit: size,
  pids_limit: (value) => numberOf(count(value)),
  cpus: (value) => (typeof value === 'number' && value > 0 ? value : undefined),
  deploy: limits,
  post_start: postStart,
};

/** The same map without what is undefined. */
export const defined = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));

/** What of a service's own settings the sandbox keeps. */
export const keptOf = (service: Fields): Fields =>
  defined(
    Object.fromEntries(Object.entries(kept).map(([key, keep]) => [key, keep(service[key] ?? undefined)])),
  );
