import type { Manifest, ManifestContainer, ManifestMount } from '../types.ts';

/** Something beside the mounts that is not the same in both snapshots. */
export interface ThingChange {
  readonly thing: 'container' | 'dump' | 'compose' | 'mount';
  readonly name: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** In words, what of it. */
  readonly what?: string;
}

/** The same mount in both. */
export interface Pair {
  readonly before: ManifestMount;
  readonly after: ManifestMount;
}

type Facts = ReadonlyMap<string, string | undefined>;

const compared = (
  thing: ThingChange['thing'],
  before: Facts,
  after: Facts,
  what: (name: string) => string,
): readonly ThingChange[] =>
  [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((name): readonly ThingChange[] => {
    if (!before.has(name)) return [{ thing, name, kind: 'added' }];
    if (!after.has(name)) return [{ thing, name, kind: 'removed' }];
    return before.get(name) === after.get(name) ? [] : [{ thing, name, kind: 'changed', what: what(name) }];
  });

const byName = ({ containers }: Manifest): ReadonlyMap<string, ManifestContainer> =>
  new Map(containers.map((one) => [one.name, one]));

const short = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);

const containers = (before: Manifest, after: Manifest): readonly ThingChange[] => {
  const [a, b] = [byName(before), byName(after)];
  const images = (all: ReadonlyMap<string, ManifestContainer>): Facts =>
    new Map([...all].map(([name, { image, imageId }]) => [name, `${image} ${imageId}`]));
  const words = ({ image = '', imageId = '' }: Partial<ManifestContainer> = {}): string =>
    `${image} (${short(imageId)})`;
  return compared(
    'container',
    images(a),
    images(b),
    (name) => `image ${words(a.get(name))} → ${words(b.get(name))}`,
  );
};

const isOf = (top: string) => (path: string) => path.startsWith(`${top}/`);

const ofSums = (
  thing: 'dump' | 'compose',
  top: string,
  before: Facts,
  after: Facts,
): readonly ThingChange[] => {
  const part = (sums: Facts): Facts => new Map([...sums].filter(([path]) => isOf(top)(path)));
  return compared(thing, part(before), part(after), () => 'other bytes');
};

const keyOf = ({ kind, name }: ManifestMount): string => `${kind} ${name}`;

/** The mounts that both have, in the order of the second one. */
export const pairsOf = (before: Manifest, after: Manifest): readonly Pair[] => {
  const known = new Map(before.mounts.map((mount) => [keyOf(mount), mount]));
  return after.mounts.flatMap((mount) => {
    const same = known.get(keyOf(mount));
    return same === undefined ? [] : [{ before: same, after: mount }];
  });
};

const mounts = (before: Manifest, after: Manifest): readonly ThingChange[] => {
  const names = ({ mounts: all }: Manifest): Facts => new Map(all.map((mount) => [keyOf(mount), '']));
  return compared('mount', names(before), names(after), () => '');
};

/** Which lines of SHA256SUMS `diffManifests` wants. */
export const isCompared = (path: string): boolean => isOf('dumps')(path) || isOf('compose')(path);

/** Mounts that only one has, containers and their images, dumps, compose files. `sums`: by path, of each. */
export const diffManifests = (
  before: Manifest,
  after: Manifest,
  sums: { readonly before: Facts; readonly after: Facts },
): readonly ThingChange[] => [
  ...mounts(before, after),
  ...containers(before, after),
  ...ofSums('dump', 'dumps', sums.before, sums.after),
  ...ofSums('compose', 'compose', sums.before, sums.after),
];
