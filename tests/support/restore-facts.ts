import type { RestoreChoice, RestoreFacts } from '../../src/plan/restore/types.ts';
import type { Manifest, ManifestContainer, ManifestMount } from '../../src/snapshot/types.ts';
import type { Stack } from '../../src/stack/types.ts';
import { instanceWith } from './stack-builder.ts';

/** A mount as a manifest has it, from the few things a test cares about. */
export const manifestMount = (
  over: Partial<ManifestMount> & Pick<ManifestMount, 'name'>,
  ...users: readonly (readonly [service: string, destination: string])[]
): ManifestMount => ({
  kind: over.name.startsWith('/') ? 'bind' : 'volume',
  path: `volumes/${over.name}`,
  form: 'tree',
  method: 'host',
  source: `/volumes/${over.name}/_data`,
  driver: 'local',
  options: {},
  labels: {
    'com.docker.compose.project': 'shop',
    'com.docker.compose.volume': over.name.replace(/^shop_/, ''),
  },
  anonymous: false,
  external: false,
  users: users.map(([service, destination]) => ({ service, destination, writable: true })),
  entries: 2,
  files: 1,
  bytes: 1000,
  lost: [],
  consistency: 'clean',
  index: `index/${over.name}.ndjson.zst`,
  ...over,
});

/** A container as it was when the snapshot was taken. */
export const manifestContainer = (
  service: string,
  over: Partial<ManifestContainer> = {},
): ManifestContainer => ({
  id: service,
  name: service,
  service,
  image: 'image',
  imageId: 'sha256:0',
  digests: [],
  stateBefore: 'running',
  healthBefore: 'none',
  restartPolicy: 'always',
  quiesced: 'stop',
  consistency: 'clean',
  downtimeMs: 0,
  ...over,
});

const manifestOf = (
  mounts: readonly ManifestMount[],
  containers: readonly ManifestContainer[],
  over: Partial<Manifest>,
): Manifest =>
  ({
    snapshot: 'shop-20261121-031500',
    instance: 'shop',
    project: 'shop',
    consistent: '2026-11-21T02:15:03.000Z',
    mounts,
    containers,
    dumps: [],
    ...over,
  }) as unknown as Manifest;

/** Everything that a restore is planned from: all of it on this host, and writable, unless told. */
export const factsOf = (
  stack: Stack,
  mounts: readonly ManifestMount[],
  over: Partial<Omit<RestoreFacts, 'manifest'>> & {
    readonly containers?: readonly ManifestContainer[];
    readonly manifest?: Partial<Manifest>;
  } = {},
): RestoreFacts => {
  const { containers = [], manifest = {}, ...facts } = over;
  return {
    instance: instanceWith(),
    folder: '/backups/shop-20261121-031500',
    manifest: manifestOf(mounts, containers, manifest),
    stack,
    local: true,
    volumes: new Map(),
    declared: undefined,
    others: [],
    reach: { real: new Map(), devices: new Map() },
    writable: new Set(stack.mounts.map(({ source }) => source)),
    missing: new Set(),
    isOwn: false,
    ...facts,
  };
};

export const everything: RestoreChoice = {
  services: [],
  volumes: [],
  paths: [],
  fromDump: false,
  devices: false,
  safety: true,
  stopOthers: false,
};
