import type { Manifest, ManifestMount } from '../types.ts';

/** What a person's path leads to: into a mount, or to a file that lies in the snapshot as it is. */
export type Address =
  | { readonly kind: 'mount'; readonly mount: ManifestMount /** Below its root. */; readonly path: Buffer }
  | { readonly kind: 'plain' /** Below the snapshot. */; readonly path: Buffer };

const archiveEnding = '.tar.zst';
/** What lies in a snapshot beside its mounts. */
const plainTops = new Set(['dumps', 'compose', 'logs', 'index', 'manifest.json', 'SHA256SUMS']);

const spelled = /\\x([0-9a-f]{2})/g;

/** Bytes of a path as a person writes it; in quotes as `ls` shows odd names, `\xff` stands for a byte. */
const bytesOf = (text: string): Buffer => {
  const quoted = /^'(.*)'$/s.exec(text)?.[1];
  if (quoted === undefined || !quoted.includes('\\x')) return Buffer.from(text, 'utf8');
  const latin1 = Buffer.from(quoted, 'utf8').toString('latin1');
  return Buffer.from(
    latin1.replace(spelled, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
};

/** The path without what means nothing in it (`//`, `/./`, a slash at the end); undefined when it leads upwards. */
const cleaned = (path: Buffer): Buffer | undefined => {
  const parts = path
    .toString('latin1')
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  return parts.includes('..') || path.includes(0) ? undefined : Buffer.from(parts.join('/'), 'latin1');
};

/** The rest of a path below one of these beginnings; the longest one that fits counts. */
const below = (path: Buffer, tops: readonly string[]): Buffer | undefined => {
  for (const top of tops) {
    const bytes = Buffer.from(top);
    if (path.equals(bytes)) return Buffer.alloc(0);
    if (path.subarray(0, bytes.length + 1).equals(Buffer.concat([bytes, Buffer.from('/')])))
      return path.subarray(bytes.length + 1);
  }
  return undefined;
};

/** Where a mount's folder is, or would be if it were no archive: `volumes/shop_db`. */
export const placeOf = ({ path }: ManifestMount): string =>
  path.endsWith(archiveEnding) ? path.slice(0, -archiveEnding.length) : path;

/** The names that a mount goes by, as beginnings of a path without a slash in front. */
const namesOf = (mount: ManifestMount, project: string): readonly string[] => {
  const short = `${project}_`;
  return [
    placeOf(mount),
    mount.path,
    mount.name.replace(/^\/+/, ''),
    ...(mount.name.startsWith(short) ? [mount.name.slice(short.length)] : []),
  ];
};

/**
 * What a path in a snapshot means: `volumes/shop_db/base` as it lies there (of an archive as if it were unpacked),
 * `shop_db/base` or `db/base` by the name of a volume, `/srv/uploads/1.jpg` by the path of a bind, `dumps/db/…`.
 * Undefined when nothing has such a name.
 */
export const addressOf = (text: string, { mounts, project }: Manifest): Address | undefined => {
  const path = cleaned(bytesOf(text));
  if (path === undefined || path.length === 0) return undefined;
  // The way it lies there comes first: no name of a volume may hide it.
  for (const pick of [(names: readonly string[]) => names.slice(0, 2), (names: readonly string[]) => names]) {
    let found: Address | undefined;
    for (const mount of mounts) {
      const rest = below(path, pick(namesOf(mount, project)));
      // A bind may lie in another one: the nearer one is meant.
      if (rest !== undefined && (found === undefined || rest.length < found.path.length))
        found = { kind: 'mount', mount, path: rest };
    }
    if (found !== undefined) return found;
    const [top = ''] = path.toString('latin1').split('/');
    if (plainTops.has(top)) return { kind: 'plain', path };
  }
  return undefined;
};
