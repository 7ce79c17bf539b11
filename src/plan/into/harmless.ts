import { fieldsOf, listOf, textOf } from './read.ts';

/** Settings of a service that reach no further than its own container, whatever their value is. */
const harmless: ReadonlySet<string> = new Set([
  'attach',
  'build', // nothing is ever built
  'cap_drop',
  'command',
  'cpu_count',
  'cpu_percent',
  'cpu_period',
  'cpu_quota',
  'cpu_shares',
  'cpus',
  'cpuset',
  'depends_on',
  'develop',
  'dns',
  'dns_opt',
  'dns_search',
  'domainname',
  'entrypoint',
  'environment',
  'expose',
  'healthcheck',
  'hostname',
  'image',
  'init',
  'labels',
  'links',
  'mem_limit',
  'mem_reservation',
  'mem_swappiness',
  'memswap_limit',
  'pids_limit',
  'platform',
  'ports', // told by themselves
  'profiles',
  'read_only',
  'restart',
  'scale',
  'shm_size',
  'stdin_open',
  'stop_grace_period',
  'stop_signal',
  'tmpfs',
  'tty',
  'ulimits',
  'user',
  'working_dir',
]);

/** Those that are looked at one by one: mounts, rights, namespaces, and what is given from the top of the file. */
const lookedAt: ReadonlySet<string> = new Set([
  'cap_add',
  'configs',
  'deploy',
  'ipc',
  'network_mode',
  'networks',
  'pid',
  'post_start',
  'pre_stop',
  'privileged',
  'secrets',
  'security_opt',
  'volumes',
  'volumes_from',
]);

/** Kernel settings that a network namespace, or that of messages, has of its own. */
const isOwnSetting = (name: string): boolean => /^(net\.|kernel\.(msg|sem|shm)|fs\.mqueue\.)/.test(name);

/** Settings that are harmless with some values: a log on this machine's disk, no address of the host. */
const sometimes: Readonly<Record<string, (value: unknown) => boolean>> = {
  cgroup: (value) => value === 'private',
  extra_hosts: (value) => !JSON.stringify(value ?? null).includes('host-gateway'),
  group_add: (value) => listOf(value).length === 0,
  logging: (value) => ['', 'json-file', 'local', 'none'].includes(textOf(fieldsOf(value).driver ?? '')),
  sysctls: (value) =>
    (Array.isArray(value) ? value.map(String) : Object.keys(fieldsOf(value))).every(isOwnSetting),
};

/** Whether a setting of a service asks for nothing of the machine, or is looked at elsewhere. */
export const isHarmless = (key: string, value: unknown): boolean =>
  value === null ||
  harmless.has(key) ||
  lookedAt.has(key) ||
  key.startsWith('x-') ||
  sometimes[key]?.(value) === true;
