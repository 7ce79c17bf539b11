import { drillOf } from '../../src/config/drill/resolve.ts';
import type { Instance } from '../../src/config/types.ts';
import type { ContainerDetails, ContainerMount } from '../../src/docker/engine.ts';
import { edgesOf } from '../../src/stack/edges.ts';
import { type MountFacts, mountsOf } from '../../src/stack/mounts.ts';
import type { Stack, StackContainer } from '../../src/stack/types.ts';

export const instanceWith = (over: Partial<Instance> = {}): Instance => ({
  name: 'shop',
  project: 'shop',
  composeFiles: [],
  envFile: undefined,
  backups: '/backups',
  timezone: 'UTC',
  quiesce: 'stop',
  services: {},
  include: ['*'],
  exclude: [],
  copy: 'auto',
  hooks: [],
  checks: [],
  format: 'auto',
  volumes: {},
  logs: false,
  warm: true,
  incremental: true,
  limits: { health: 120_000, downtime: 0, maxDowntime: 0, engine: 600_000, readRate: 0 },
  drill: drillOf(),
  from: 'running',
  ...over,
});

const detailsWith = (over: Partial<ContainerDetails> & { readonly id: string }): ContainerDetails => ({
  name: over.id,
  labels: {},
  image: 'image',
  imageId: 'sha256:0',
  state: 'running',
  health: 'none',
  exitCode: 0,
  startedAt: '2026-11-21T03:00:00Z',
  finishedAt: '0001-01-01T00:00:00Z',
  restartCount: 0,
  restartPolicy: { name: 'always', maximumRetryCount: 0 },
  autoRemove: false,
  stopTimeout: undefined,
  networkMode: 'shop_default',
  ipcMode: 'private',
  pidMode: '',
  volumesFrom: [],
  links: [],
  env: [],
  user: '',
  mounts: [],
  ...over,
});

export interface Sketch extends Partial<ContainerDetails> {
  readonly id: string;
  readonly service?: string;
  readonly oneOff?: boolean;
  readonly dependsOn?: string;
}

/** A container as the engine would show it, from the few things a test cares about. */
export const containerFrom = ({
  id,
  service = id,
  oneOff = false,
  dependsOn,
  ...details
}: Sketch): StackContainer => ({
  id,
  name: details.name ?? id,
  service,
  number: 1,
  oneOff,
  details: detailsWith({
    id,
    ...details,
    labels: {
      ...details.labels,
      ...(dependsOn === undefined ? {} : { 'com.docker.compose.depends_on': dependsOn }),
    },
  }),
});

export const volumeMount = (name: string, destination: string, writable = true): ContainerMount => ({
  type: 'volume',
  name,
  source: `/volumes/${name}/_data`,
  destination,
  driver: 'local',
  writable,
});

export const bindMount = (source: string, destination: string, writable = true): ContainerMount => ({
  type: 'bind',
  source,
  destination,
  writable,
});

/** A whole stack, observed by the real pure functions; every volume is plain and readable unless told. */
export const stackFrom = (sketches: readonly Sketch[], facts: Partial<MountFacts> = {}): Stack => {
  const containers = sketches.map(containerFrom);
  const mounts = containers.flatMap((container) => container.details.mounts);
  const volumes = new Map(
    mounts
      .filter((mount) => mount.type === 'volume')
      .map((mount) => [
        mount.name ?? '',
        {
          name: mount.name ?? '',
          driver: 'local',
          mountpoint: mount.source,
          labels: { 'com.docker.compose.project': 'shop' },
          options: {},
        },
      ]),
  );
  const found = mountsOf({
    project: 'shop',
    containers,
    running: [],
    volumes,
    kinds: new Map(mounts.map((mount) => [mount.source, 'dir' as const])),
    readable: new Set(mounts.map((mount) => mount.source)),
    ...facts,
  });
  return {
    project: 'shop',
    containers,
    edges: edgesOf(containers),
    ...found,
    lifecycle: {},
    model: undefined,
    composeFiles: [],
    composeVersion: undefined,
    warnings: [],
  };
};
