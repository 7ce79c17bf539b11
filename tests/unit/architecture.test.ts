import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** A room imports only from rooms above it in this list (docs/design: "one direction"). */
const rooms = [
  'base',
  'config',
  'docker',
  'stack',
  'snapshot',
  'copy',
  'hooks',
  'plan',
  'run',
  'catalog',
  'drill',
  'replica',
  'notify',
  'commands',
  'cli',
  'cli.ts',
  'main.ts',
  'index.ts',
];

/** Libraries that only one place may import. */
const owners: Readonly<Record<string, (file: string) => boolean>> = {
  dockerode: (file) => file.startsWith('src/docker/'),
  execa: (file) => file === 'src/base/process.ts',
  zx: (file) => file.startsWith('scripts/'),
  commander: (file) => file === 'src/cli.ts' || file.startsWith('src/cli/'),
  'log-update': (file) => file.startsWith('src/notify/'),
  ajv: (file) => /^(src\/base\/schema|src\/config\/check\/|scripts\/build\/)/.test(file),
};

const root = resolve(import.meta.dirname, '../..');

const filesBelow = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));

interface Import {
  readonly file: string;
  readonly target: string;
}

const text = (file: string): string => readFileSync(join(root, file), 'utf8');

const importsOf = (file: string): Import[] => {
  const found = text(file).matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?\bfrom\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g,
  );
  return [...found].map((match) => ({ file, target: match[1] ?? match[2] ?? '' }));
};

const roomOf = (path: string): string => path.split('/')[1] ?? '';

const sources = filesBelow('src');
const all = [...sources, ...filesBelow('scripts')].flatMap(importsOf);

describe('the rooms', () => {
  it('are those of the list', () => {
    expect(sources.map(roomOf).filter((room) => !rooms.includes(room))).toEqual([]);
  });

  it('import only from themselves and from rooms above them', () => {
    const wrong = all
      .filter(({ file, target }) => file.startsWith('src/') && target.startsWith('.'))
      .map(({ file, target }) => ({ file, to: relative(root, resolve(root, dirname(file), target)) }))
      .filter(({ to }) => to.startsWith('src/'))
      .filter(({ file, to }) => rooms.indexOf(roomOf(to)) > rooms.indexOf(roomOf(file)));
    expect(wrong).toEqual([]);
  });

  it('leave each library to its owner', () => {
    const wrong = all.filter(({ file, target }) => {
      const name = Object.keys(owners).find(
        (library) => target === library || target.startsWith(`${library}/`),
      );
      return name !== undefined && owners[name]?.(file) === false;
    });
    expect(wrong).toEqual([]);
  });

  it('load what does the work of a command only when it runs', () => {
    const early = sources
      .filter((file) => file.startsWith('src/cli'))
      .filter((file) =>
        /^import (?!type\b)[^;]*from '[^']*\/commands\/(?!session\/exit\.ts')/m.test(text(file)),
      );
    expect(early).toEqual([]);
  });

  it('sees the imports it judges', () => {
    expect(all.some(({ target }) => target === 'dockerode')).toBe(true);
    expect(all.some(({ target }) => target === 'execa')).toBe(true);
    expect(all.some(({ target }) => target === 'zx')).toBe(true);
  });

  it('have under ten files a folder, and no drawer called utils', () => {
    const folders = Map.groupBy(sources, dirname);
    for (const verbs of ['src/commands', 'src/cli/verbs']) folders.delete(verbs); // one file a verb, and there are many verbs
    const crowded = [...folders].filter(([, files]) => files.length >= 10).map(([folder]) => folder);
    expect(crowded).toEqual([]);
    expect([...folders.keys()].filter((folder) => /\butils?\b|\bhelpers?\b/.test(folder))).toEqual([]);
  });
});
