import { StackBackupError } from '../../base/errors.ts';
import { nearest } from '../../base/text/nearest.ts';
import type { Manifest, ManifestMount } from '../../snapshot/types.ts';
import { composeLabel } from '../../stack/labels.ts';
import type { RestoreChoice } from './types.ts';

/** A mount that was chosen, and what of it. */
export interface ChosenMount {
  readonly mount: ManifestMount;
  readonly paths?: readonly Buffer[];
}

/** A volume from elsewhere may carry the short name that it has there. */
const namesOf = (mount: ManifestMount): readonly string[] => [
  mount.name,
  ...(mount.kind === 'volume' && !mount.external ? [mount.labels[composeLabel.volume] ?? mount.name] : []),
];

const unknown = (what: string, name: string, known: readonly string[]): StackBackupError => {
  const like = nearest(name, known);
  return new StackBackupError('usage', `the snapshot has no ${what} ${name}`, {
    next: `${like === undefined ? '' : `Did you mean ${like}? `}It has ${[...new Set(known)].join(', ') || 'none'}.`,
  });
};

const byVolume = (mounts: readonly ManifestMount[], wanted: readonly string[]): readonly ManifestMount[] => {
  for (const name of wanted)
    if (!mounts.some((mount) => namesOf(mount).includes(name)))
      throw unknown('volume or bind', name, mounts.flatMap(namesOf));
  return mounts.filter((mount) => namesOf(mount).some((name) => wanted.includes(name)));
};

const byService = (
  manifest: Manifest,
  mounts: readonly ManifestMount[],
  wanted: readonly string[],
): readonly ManifestMount[] => {
  const known = [
    ...manifest.containers.map((one) => one.service),
    ...manifest.mounts.flatMap((mount) => mount.users.map((user) => user.service)),
  ];
  for (const name of wanted) if (!known.includes(name)) throw unknown('service', name, known);
  return mounts.filter((mount) => mount.users.some((user) => wanted.includes(user.service)));
};

/** Below the root of a mount, without `.`, `..` and slashes that say nothing. */
const below = (path: string): Buffer => {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..'))
    throw new StackBackupError('usage', `--path ${path} leads out of the mount`, {
      next: 'Give a path below the root of the volume, or one in the container.',
    });
  return Buffer.from(parts.join('/'));
};

/** Where a path of a container lies: in the mount with the longest destination that leads to it. */
const inContainer = (
  path: string,
  mounts: readonly ManifestMount[],
): { readonly mount: ManifestMount; readonly path: Buffer } => {
  const found = mounts.flatMap((mount) =>
    mount.users
      .filter(({ destination }) => path === destination || path.startsWith(`${destination}/`))
      .map(({ destination }) => ({ mount, destination })),
  );
  const longest = Math.max(0, ...found.map(({ destination }) => destination.length));
  const best = new Map(
    found.filter((one) => one.destination.length === longest).map((one) => [one.mount.name, one]),
  );
  const [only] = best.values();
  if (only === undefined || best.size > 1)
    throw new StackBackupError(
      'usage',
      only === undefined
        ? `no mount of the snapshot holds ${path}`
        : `${path} is in several mounts: ${[...best.keys()].join(', ')}`,
      { next: 'Name the mount with --volume, or the service with --service.' },
    );
  return { mount: only.mount, path: below(path.slice(only.destination.length)) };
};

const byPath = (mounts: readonly ManifestMount[], paths: readonly string[]): readonly ChosenMount[] => {
  const placed = paths.map((path) => {
    if (path.startsWith('/')) return inContainer(path, mounts);
    const [mount, ...others] = mounts;
    if (mount === undefined || others.length > 0)
      throw new StackBackupError('usage', `--path ${path} could be in any of several mounts`, {
        next: 'Name the mount with --volume, or give the path that it has in the container.',
      });
    return { mount, path: below(path) };
  });
  return mounts.flatMap((mount) => {
    const own = placed.filter((one) => one.mount === mount).map((one) => one.path);
    if (own.length === 0) return [];
    // The root of a mount is all of it.
    return own.some((path) => path.length === 0) ? [{ mount }] : [{ mount, paths: own }];
  });
};

/**
 * What of a snapshot is put back: everything, or what the flags leave of it. Rejects with `usage` when they
 * name what it does not have.
 */
export const chooseMounts = (manifest: Manifest, choice: RestoreChoice): readonly ChosenMount[] => {
  const byName = choice.volumes.length === 0 ? manifest.mounts : byVolume(manifest.mounts, choice.volumes);
  const mounts = choice.services.length === 0 ? byName : byService(manifest, byName, choice.services);
  const chosen =
    choice.paths.length === 0 ? mounts.map((mount) => ({ mount })) : byPath(mounts, choice.paths);
  if (chosen.length === 0)
    throw new StackBackupError('usage', 'the snapshot has nothing of what was asked for', {
      next: 'See what it has with `stack-backup show`.',
    });
  return chosen;
};
