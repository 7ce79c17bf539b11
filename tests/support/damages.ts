import { chmod, lutimes, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/base/process.ts';
import type { Manifest } from '../../src/snapshot/types.ts';

/** Changes one bit of the byte at `at`, counted from the end where it is negative. */
export const flip = async (file: string, at = 0): Promise<void> => {
  const bytes = await readFile(file);
  const place = at < 0 ? bytes.length + at : at;
  bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
  await writeFile(file, bytes);
};

/** Writes the manifest anew, as `edit` makes it, without a checksum: as an older program would have. */
export const editManifest = async (folder: string, edit: (manifest: Manifest) => object): Promise<void> => {
  const file = join(folder, 'manifest.json');
  const { checksum: _, ...manifest } = JSON.parse(await readFile(file, 'utf8')) as Manifest & {
    readonly checksum?: string;
  };
  await writeFile(file, JSON.stringify(edit(manifest)));
};

/** One way in which a snapshot with a volume (`orders`, `deep/file`, `link`) and a dump can be damaged. */
export interface Damage {
  readonly what: string;
  /** Given the copy, the volume's tree in it, and that tree in the snapshot the copy was made of. */
  readonly do: (copy: string, volume: string, original: string) => Promise<unknown>;
  /** `kind path` of each problem, in any order. `V`: the volume, `I`: its index, `F`: the first file of SHA256SUMS. */
  readonly found: readonly string[];
}

export const damages: readonly Damage[] = [
  {
    what: 'a byte of a file in a volume',
    do: (_copy, volume) => flip(join(volume, 'orders'), 7),
    // Whoever writes to a file changes its time as well.
    found: ['checksum V/orders', 'index V/orders'],
  },
  {
    what: 'a byte of a file in a volume, its time put back',
    do: async (_copy, volume, original) => {
      await flip(join(volume, 'orders'), 7);
      await run(['touch', '-r', join(original, 'orders'), join(volume, 'orders')]);
    },
    found: ['checksum V/orders'],
  },
  {
    what: 'a byte of an index',
    do: async (copy) => {
      const [name = ''] = (await readdir(join(copy, 'index'))).filter((one) => one.includes('_data'));
      await flip(join(copy, 'index', name), 20);
    },
    found: ['checksum I', 'index I'],
  },
  {
    what: 'a byte of a dump',
    do: (copy) => flip(join(copy, 'dumps/app/orders.txt'), -2),
    found: ['checksum dumps/app/orders.txt'],
  },
  {
    what: 'a byte of SHA256SUMS',
    do: async (copy) => {
      const file = join(copy, 'SHA256SUMS');
      const text = await readFile(file, 'latin1');
      await writeFile(file, `${text.startsWith('0') ? '1' : '0'}${text.slice(1)}`, 'latin1');
    },
    // The list itself, and the file whose checksum was changed in it.
    found: ['checksum F', 'index F', 'sums SHA256SUMS'],
  },
  {
    what: 'a byte of manifest.json',
    do: (copy) => flip(join(copy, 'manifest.json')),
    found: ['manifest manifest.json'],
  },
  {
    what: 'what the manifest says of the checksums',
    do: (copy) =>
      editManifest(copy, ({ sums, ...rest }) => ({ ...rest, sums: { ...sums, sha256: 'a'.repeat(64) } })),
    found: ['sums SHA256SUMS'],
  },
  {
    what: 'a file that is gone',
    do: (_copy, volume) => rm(join(volume, 'deep/file')),
    found: ['index V/deep', 'missing V/deep/file'],
  },
  {
    what: 'a dump that is gone',
    do: (copy) => rm(join(copy, 'dumps/app/orders.txt')),
    found: ['missing dumps/app/orders.txt'],
  },
  {
    what: 'SHA256SUMS that is gone',
    do: (copy) => rm(join(copy, 'SHA256SUMS')),
    found: ['sums SHA256SUMS'],
  },
  {
    what: 'a file that nothing names',
    do: (copy) => writeFile(join(copy, 'dumps/app/more.txt'), 'more'),
    found: ['extra dumps/app/more.txt'],
  },
  {
    what: 'a file that nothing names, in a volume',
    do: (_copy, volume) => writeFile(join(volume, 'deep/more'), 'more'),
    found: ['extra V/deep/more', 'index V/deep'],
  },
  {
    what: 'a mode',
    do: (_copy, volume) => chmod(join(volume, 'orders'), 0o600),
    found: ['index V/orders'],
  },
  {
    what: 'an owner',
    do: (_copy, volume) => run(['chown', '4321:4321', join(volume, 'deep/file')]),
    found: ['index V/deep/file'],
  },
  {
    what: 'a time',
    do: (_copy, volume) => lutimes(join(volume, 'orders'), 1, 1),
    found: ['index V/orders'],
  },
  {
    what: 'a link that leads elsewhere',
    do: async (_copy, volume) => {
      await run(['ln', '-sfn', '/etc/passwd', join(volume, 'link')]);
    },
    found: ['index V', 'index V/link'],
  },
  {
    what: 'a link in place of a file, to the same content',
    do: async (_copy, volume) => {
      await rename(join(volume, 'orders'), join(volume, '../../orders'));
      await symlink('../../orders', join(volume, 'orders'));
    },
    found: ['extra orders', 'index V', 'index V/orders', 'missing V/orders'],
  },
];
