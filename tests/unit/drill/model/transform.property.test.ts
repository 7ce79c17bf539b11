import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sandboxModel } from '../../../../src/drill/model/transform.ts';
import type { Fields, Json } from '../../../../src/drill/model/types.ts';
import { inputFor } from './fixture.ts';

/** It stands in every path, name and address that would lead out of a sandbox. */
const mark = 'OUTSIDE';
const path = fc.constantFrom(`/srv/${mark}`, `/dev/${mark}`, `/run/${mark}.sock`, `../${mark}`, `~/${mark}`);

/** What Compose knows of rights, devices, ports and namespaces, in both of its ways of writing. */
const dangerous = fc.record(
  {
    privileged: fc.constant(true),
    cap_add: fc.constantFrom([mark], ['ALL']),
    devices: fc.array(fc.oneof(path, fc.record({ source: path, target: path }))),
    device_cgroup_rules: fc.constant([`c 1:3 ${mark}`]),
    gpus: fc.constant(mark),
    runtime: fc.constant(mark),
    pid: fc.constantFrom('host', `container:${mark}`, `service:${mark}`),
    ipc: fc.constantFrom('host', `container:${mark}`),
    uts: fc.constant('host'),
    cgroup: fc.constant('host'),
    cgroup_parent: fc.constant(mark),
    userns_mode: fc.constant('host'),
    network_mode: fc.constantFrom('host', 'bridge', `container:${mark}`, `service:${mark}`),
    networks: fc.constant({ [mark]: { ipv4_address: mark, mac_address: mark, aliases: ['fine'] } }),
    ports: fc.constantFrom([`8080:${mark}`], [{ target: 1, published: mark, host_ip: mark }]),
    expose: fc.constant([mark]),
    extra_hosts: fc.constantFrom([`${mark}:host-gateway`], { [mark]: 'host-gateway' }),
    dns: fc.constant([mark]),
    dns_search: fc.constant([mark]),
    links: fc.constant([`${mark}:x`]),
    external_links: fc.constant([mark]),
    volumes_from: fc.constant([`container:${mark}`]),
    volumes: fc.array(
      fc.oneof(
        path.map((source) => `${source}:/data`),
        fc.record({
          type: fc.constantFrom('bind', 'volume', 'npipe', 'cluster', 'image'),
          source: path,
          target: path,
        }),
      ),
    ),
    configs: fc.constant([{ source: mark, target: `/${mark}` }]),
    secrets: fc.constant([{ source: mark, target: mark }]),
    env_file: fc.constant([{ path: `/srv/${mark}` }]),
    build: fc.constant({ context: `/srv/${mark}` }),
    image: fc.constant(mark),
    container_name: fc.constant(mark),
    mac_address: fc.constant(mark),
    logging: fc.constant({ driver: 'syslog', options: { address: mark } }),
    labels: fc.constant({ [mark]: mark }),
    annotations: fc.constant({ [mark]: mark }),
    restart: fc.constant('always'),
    security_opt: fc.constant([`seccomp=${mark}`, `apparmor=${mark}`, `label=${mark}`]),
    sysctls: fc.constant({ [mark]: '1' }),
    storage_opt: fc.constant({ size: mark }),
    blkio_config: fc.constant({ device_read_bps: [{ path: `/dev/${mark}` }] }),
    tmpfs: fc.constantFrom(`/data:exec,bind=/${mark}:x`, [`${mark}`]),
    deploy: fc.constant({
      placement: { constraints: [mark] },
      resources: { reservations: { devices: [mark] } },
    }),
    develop: fc.constant({ watch: [{ path: mark }] }),
    provider: fc.constant({ type: mark }),
    credential_spec: fc.constant({ file: mark }),
    extends: fc.constant({ file: mark, service: mark }),
    use_api_socket: fc.constant(true),
    post_start: fc.constant([{ command: ['true'], privileged: true }]),
    pre_stop: fc.constant([{ command: [mark] }]),
    depends_on: fc.constant({ [mark]: { condition: 'service_healthy' } }),
  },
  { requiredKeys: [] },
);

/** Keys that nobody has thought of yet, and shapes that make no sense. */
const unknown = fc.dictionary(fc.string(), fc.constantFrom<Json>(mark, [mark], { [mark]: mark }, null, 7));
const known = fc.dictionary(
  fc.constantFrom(
    'healthcheck',
    'ulimits',
    'group_add',
    'cap_drop',
    'user',
    'working_dir',
    'hostname',
    'tmpfs',
    'depends_on',
    'networks',
    'volumes',
  ),
  fc.jsonValue(),
);

const model = fc
  .tuple(
    fc.dictionary(
      fc.constantFrom('a', 'b', 'c'),
      fc.tuple(unknown, dangerous).map((parts): Fields => Object.assign({}, ...parts)),
    ),
    unknown,
  )
  .map(([services, rest]) => ({
    ...rest,
    services,
    networks: { [mark]: { external: true, name: mark } },
    volumes: { [mark]: { driver_opts: { type: 'none', o: 'bind', device: `/srv/${mark}` } } },
    secrets: { [mark]: { file: `/srv/${mark}` } },
  }));

const serviceKeys = new Set([
  'image',
  'pull_policy',
  'restart',
  'scale',
  'labels',
  'cpu_shares',
  'environment',
  'networks',
  'network_mode',
  'dns',
  'ipc',
  'pid',
  'depends_on',
  'volumes',
  'command',
  'entrypoint',
  'user',
  'working_dir',
  'hostname',
  'domainname',
  'healthcheck',
  'stop_signal',
  'stop_grace_period',
  'init',
  'tty',
  'stdin_open',
  'read_only',
  'tmpfs',
  'shm_size',
  'ulimits',
  'group_add',
  'cap_drop',
  'security_opt',
  'mem_limit',
  'pids_limit',
  'cpus',
  'deploy',
  'post_start',
]);

describe('whatever stands in a model', () => {
  it('no path, port, right, name or network of the original gets into the sandbox', () => {
    fc.assert(
      fc.property(model, (given) => {
        const made = sandboxModel(inputFor(given, ['a', 'b', 'c']));
        expect(JSON.stringify(made)).not.toContain(mark);
        expect(JSON.stringify(made)).not.toMatch(/"privileged"|host-gateway|"host"/);
        expect(Object.keys(made).sort()).toEqual(['name', 'networks', 'services', 'volumes']);
        for (const service of Object.values(made.services as Record<string, Fields>))
          expect(Object.keys(service).filter((key) => !serviceKeys.has(key))).toEqual([]);
      }),
    );
  });

  it('it is made without a defect', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.jsonValue(), fc.record({ services: fc.dictionary(fc.constant('a'), known) })),
        (given) => {
          expect(sandboxModel(inputFor(given, ['a']))).toMatchObject({
            services: { a: { pull_policy: 'never' } },
          });
        },
      ),
    );
  });
});
