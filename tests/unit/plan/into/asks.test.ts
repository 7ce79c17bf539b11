import { describe, expect, it } from 'vitest';
import { asksOf } from '../../../../src/plan/into/asks.ts';

const own = new Set(['/srv/copy/data/files']);
const asksOfService = (service: object): readonly string[] => asksOf({ services: { app: service } }, own);

describe('what a project asks of the machine', () => {
  it.each<[string, object, RegExp]>([
    ['all rights', { privileged: true }, /privileged/],
    ['a capability', { cap_add: ['SYS_ADMIN'] }, /capability SYS_ADMIN/],
    ['a device', { devices: [{ source: '/dev/sda' }] }, /devices: .*\/dev\/sda/],
    ['devices by deploy', { deploy: { resources: { reservations: { devices: [{}] } } } }, /devices/],
    ['the socket of the engine', { use_api_socket: true }, /use_api_socket/],
    ['the root of the disk', { volumes: [{ type: 'bind', source: '/', target: '/h' }] }, /writes to \/$/],
    [
      'a file to read',
      { volumes: [{ type: 'bind', source: '/etc/shadow', target: '/s', read_only: true }] },
      /reads \/etc\/shadow/,
    ],
    [
      'a way out of its own folder',
      { volumes: [{ type: 'bind', source: '/srv/copy/data/files/../../..', target: '/s' }] },
      /writes to \/srv\/copy\/data\/files\/\.\./,
    ],
    [
      'a link in its own folder',
      { volumes: [{ type: 'bind', source: '/srv/copy/data/files/link', target: '/s' }] },
      /files\/link/,
    ],
    ['a pipe', { volumes: [{ type: 'npipe', source: 'x', target: 'y' }] }, /npipe/],
    ['the network of the host', { network_mode: 'host' }, /network of host/],
    ['the network of a container', { network_mode: 'container:db' }, /network of container:db/],
    ['the processes of the host', { pid: 'host' }, /processes of host/],
    ['the memory of the host', { ipc: 'host' }, /memory with host/],
    ['the names of the host', { uts: 'host' }, /uts: host/],
    ['the users of the host', { userns_mode: 'host' }, /userns_mode: host/],
    ['the groups of the host', { cgroup: 'host' }, /cgroup: host/],
    ['what another container has', { volumes_from: ['container:db'] }, /what container:db has/],
    ['no filter of system calls', { security_opt: ['seccomp=unconfined'] }, /seccomp=unconfined/],
    ['another runtime', { runtime: 'x' }, /runtime: x/],
    ['a program of the host', { provider: { type: '/bin/sh' } }, /provider: .*\/bin\/sh/],
    ['a privileged hook', { post_start: [{ command: ['x'], privileged: true }] }, /all rights after/],
    ['the address of the host', { extra_hosts: ['h=host-gateway'] }, /extra_hosts/],
    ['a kernel setting', { sysctls: { 'vm.swappiness': '1' } }, /sysctls/],
    ['a log elsewhere', { logging: { driver: 'syslog' } }, /syslog/],
    ['what nobody knows yet', { new_key: 'x' }, /new_key: x/],
  ])('names %s', (_, service, words) =>
    expect(asksOfService(service)).toEqual([expect.stringMatching(words)]),
  );

  it('names nothing that a service has to itself', () => {
    expect(
      asksOfService({
        image: 'x',
        command: ['a'],
        environment: { A: 'b' },
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        network_mode: 'service:db',
        ipc: 'shareable',
        pid: 'service:db',
        volumes_from: ['db:ro'],
        volumes: [
          { type: 'volume', source: 'data', target: '/data' },
          { type: 'bind', source: '/srv/copy/data/files', target: '/files' },
          { type: 'tmpfs', target: '/tmp' },
        ],
        deploy: { replicas: 2, resources: { limits: { memory: '1g' } } },
        logging: { driver: 'local' },
        sysctls: { 'net.core.somaxconn': '1024' },
        extra_hosts: ['db=10.0.0.1'],
        post_start: [{ command: ['x'] }],
        privileged: false,
        'x-mine': 1,
      }),
    ).toEqual([]);
  });

  it('names what is given from the top of the file', () => {
    const asks = asksOf(
      {
        name: 'copy',
        services: {},
        secrets: { a: { file: '/root/key' }, b: { environment: 'TOKEN' }, c: { external: true } },
        configs: { d: { content: 'x' }, e: { file: '/etc/e' } },
        networks: {
          default: { name: 'copy_default' },
          theirs: { name: 'prod', external: true },
          wire: { driver: 'macvlan', driver_opts: { parent: 'eth0' } },
        },
        models: { m: {} },
        'x-y': 1,
      },
      own,
    );
    expect(asks).toEqual([
      'the secret a is the file /root/key',
      'the secret b is the variable TOKEN',
      'the secret c is one that is here already',
      'the config e is the file /etc/e',
      "the network prod is another's",
      expect.stringMatching(/wire is of the kind macvlan .*eth0/),
      'the project has models: {"m":{}}',
    ]);
  });
});
