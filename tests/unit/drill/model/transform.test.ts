import { describe, expect, it } from 'vitest';
import { sandboxModel } from '../../../../src/drill/model/transform.ts';
import { image, inputFor, service } from './fixture.ts';

/** As `docker compose config --format json` prints it. */
const shop = {
  name: 'shop',
  services: {
    db: {
      image: 'postgres:17',
      build: { context: '/srv/shop/db' },
      command: null,
      entrypoint: null,
      container_name: 'shop-database',
      environment: { POSTGRES_USER: 'shop', POSTGRES_PASSWORD: 'very-secret', EMPTY: null },
      restart: 'unless-stopped',
      ports: [{ mode: 'ingress', target: 5432, published: '5432', protocol: 'tcp', host_ip: '127.0.0.1' }],
      networks: { default: null, back: { aliases: ['database'], ipv4_address: '172.28.0.5' } },
      volumes: [
        { type: 'volume', source: 'db', target: '/var/lib/postgresql/data', volume: {} },
        { type: 'bind', source: '/var/run/docker.sock', target: '/var/run/docker.sock', bind: {} },
      ],
      healthcheck: {
        test: ['CMD-SHELL', 'pg_isready -U "$$POSTGRES_USER"'],
        interval: '1s',
        timeout: '3s',
        retries: 30,
      },
      stop_grace_period: '30s',
    },
    app: {
      image: 'shop/app',
      command: ['serve', '--db', 'postgres://shop:very-secret@db/shop'],
      environment: { DATABASE_URL: 'postgres://shop:very-secret@db/shop' },
      depends_on: {
        db: { condition: 'service_healthy', required: true, restart: true },
        migrate: { condition: 'service_completed_successfully', required: true },
      },
      deploy: {
        replicas: 2,
        placement: { constraints: ['node.hostname == one'] },
        resources: { limits: { cpus: '0.5', memory: '134217728' } },
      },
      privileged: true,
      cap_add: ['SYS_ADMIN'],
      devices: [{ source: '/dev/kvm', target: '/dev/kvm', permissions: 'rwm' }],
      pid: 'host',
      ipc: 'host',
      userns_mode: 'host',
      security_opt: ['seccomp=unconfined', 'no-new-privileges:true'],
      extra_hosts: ['host.docker.internal=host-gateway'],
      logging: { driver: 'syslog', options: { 'syslog-address': 'tcp://10.0.0.1:514' } },
      sysctls: { 'net.ipv4.ip_forward': '1' },
      network_mode: 'host',
      tmpfs: ['/tmp', '/run:size=64m'],
    },
    proxy: { image: 'shop/app', network_mode: 'service:app', hostname: 'proxy' },
    migrate: { image: 'shop/app' },
  },
  networks: { default: { name: 'shop_default' }, back: { name: 'back', external: true } },
  volumes: { db: { name: 'shop_db' } },
};

const mounts = [
  {
    service: 'db',
    destination: '/var/lib/postgresql/data',
    writable: true,
    from: { kind: 'volume', name: 'drill-x_1' },
  },
  {
    service: 'app',
    destination: '/etc/app.json',
    writable: false,
    from: { kind: 'file', path: '/srv/backups/.stack-backup/tmp/run-1/file-1' },
  },
] as const;

describe('the model of a sandbox', () => {
  it('keeps what a service does, and nothing that leads out', () => {
    const disguise = {
      text: (text: string) => text.replaceAll('very-secret', 'thrown'),
      variable: (_: string, value: string) => value.replaceAll('very-secret', 'thrown'),
    };
    const services = [
      service('db', ['shop-database', 'database', 'not a name']),
      service('app'),
      service('proxy'),
    ];
    const made = sandboxModel(inputFor(shop, [], { services, mounts, disguise }));
    const common = {
      image,
      pull_policy: 'never',
      restart: 'no',
      scale: 1,
      labels: { 'io.stack-backup.drill': 'run-1' },
      cpu_shares: 256,
      cap_drop: ['NET_RAW'],
    };
    expect(made).toEqual({
      name: 'drill-x',
      services: {
        db: {
          ...common,
          environment: { POSTGRES_USER: 'shop', POSTGRES_PASSWORD: 'thrown' },
          healthcheck: {
            test: ['CMD-SHELL', 'pg_isready -U "$$POSTGRES_USER"'],
            interval: '1s',
            timeout: '3s',
            retries: 30,
          },
          stop_grace_period: '30s',
          networks: { default: { aliases: ['shop-database', 'database'] } },
          dns: ['127.0.0.1'],
          volumes: [{ type: 'volume', source: 'drill-x_1', target: '/var/lib/postgresql/data' }],
        },
        app: {
          ...common,
          command: ['serve', '--db', 'postgres://shop:thrown@db/shop'],
          environment: { DATABASE_URL: 'postgres://shop:thrown@db/shop' },
          depends_on: { db: { condition: 'service_healthy' } },
          deploy: { resources: { limits: { cpus: '0.5', memory: '134217728' } } },
          security_opt: ['no-new-privileges:true'],
          tmpfs: ['/tmp', '/run:size=64m'],
          networks: { default: {} },
          dns: ['127.0.0.1'],
          volumes: [
            {
              type: 'bind',
              source: '/srv/backups/.stack-backup/tmp/run-1/file-1',
              target: '/etc/app.json',
              read_only: true,
              bind: { create_host_path: false },
            },
          ],
        },
        proxy: { ...common, environment: {}, network_mode: 'service:app' },
      },
      networks: {
        default: {
          driver: 'bridge',
          internal: true,
          driver_opts: { 'com.docker.network.bridge.inhibit_ipv4': 'true' },
          labels: { 'io.stack-backup.drill': 'run-1' },
        },
      },
      volumes: { 'drill-x_1': { name: 'drill-x_1', external: true } },
    });
  });

  it('puts no variable of this machine into a model that somebody else wrote', () => {
    const model = { services: { app: { command: ['echo', '$HOME', '$$HOME', `$${'{HOME}'}`] } } };
    const made = sandboxModel(inputFor(model, ['app'])) as { services: { app: { command: string[] } } };
    expect(made.services.app.command).toEqual(['echo', '$$HOME', '$$HOME', `$$${'{HOME}'}`]);
  });

  it('leaves a service alone in its own network where the original was without one', () => {
    const made = sandboxModel(inputFor({ services: { app: { network_mode: 'none' } } }, ['app']));
    expect(made).toMatchObject({ services: { app: { network_mode: 'none' } } });
  });

  it('puts a service that shared the network of one that takes no part into the closed network', () => {
    const model = {
      services: { app: { network_mode: 'service:gone' }, other: { network_mode: 'container:abc' } },
    };
    const made = sandboxModel(inputFor(model, ['app', 'other']));
    expect(made).toMatchObject({ services: { app: { networks: {} }, other: { networks: {} } } });
  });

  it('gives a service what the configuration sets for the drill, over what the original has', () => {
    const model = { services: { app: { environment: { MODE: 'live', NAME: 'shop' } } } };
    const environment = { app: { MODE: 'drill', PRICE: '5 $' } };
    const made = sandboxModel(inputFor(model, ['app'], { environment }));
    expect(made).toMatchObject({
      services: { app: { environment: { MODE: 'drill', NAME: 'shop', PRICE: '5 $$' } } },
    });
  });

  it('makes something of a snapshot without a model: images and volumes', () => {
    const made = sandboxModel(inputFor(undefined, ['db'], { mounts: [mounts[0]] }));
    expect(made).toMatchObject({ services: { db: { image, volumes: [{ source: 'drill-x_1' }] } } });
  });
});
