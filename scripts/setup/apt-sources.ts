import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One apt source, whichever of the two formats it was written in. */
export interface AptSource {
  readonly types: readonly string[];
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** deb822 names: `Signed-By`, `Architectures`, `Trusted`; values keep their continuation lines. */
  readonly options: Readonly<Record<string, string>>;
}

const words = (text: string | undefined): readonly string[] => (text ?? '').split(/\s+/).filter(Boolean);

const kept: Readonly<Record<string, string>> = {
  'signed-by': 'Signed-By',
  architectures: 'Architectures',
  arch: 'Architectures',
  trusted: 'Trusted',
};

const keptOptions = (fields: Iterable<readonly [string, string]>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...fields].flatMap(([name, value]) => {
      const option = kept[name.toLowerCase()];
      return option === undefined ? [] : [[option, value]];
    }),
  );

/** Sources of a deb822 file (`*.sources`); disabled ones are left out. See sources.list(5). */
const parseDeb822 = (text: string): readonly AptSource[] =>
  text
    .replace(/^#.*\n?/gm, '')
    .split(/\n[ \t]*\n/)
    .map((paragraph) => {
      const fields = [...paragraph.matchAll(/^([A-Za-z0-9-]+):[ \t]*(.*(?:\n[ \t].*)*)/gm)].map(
        (match) => [match[1] ?? '', match[2] ?? ''] as const,
      );
      const named = new Map(fields.map(([name, value]) => [name.toLowerCase(), value]));
      return {
        enabled: !/^(no|false|0|off|without|disable)$/i.test(named.get('enabled')?.trim() ?? ''),
        types: words(named.get('types')),
        uris: words(named.get('uris')),
        suites: words(named.get('suites')),
        components: words(named.get('components')),
        options: keptOptions(fields),
      };
    })
    .filter((source) => source.enabled && source.uris.length > 0)
    .map(({ enabled: _, ...source }) => source);

/** Sources of a one-line file (`*.list`). Several `arch` values are separated by commas there. */
const parseOneLine = (text: string): readonly AptSource[] =>
  [...text.matchAll(/^[ \t]*(deb|deb-src)[ \t]+(?:\[([^\]]*)\][ \t]+)?(\S+)[ \t]+(\S+)([^#\n]*)/gm)].map(
    (match) => ({
      types: [match[1] ?? ''],
      uris: [match[3] ?? ''],
      suites: [match[4] ?? ''],
      components: words(match[5]),
      options: keptOptions(
        words(match[2]).map((option) => {
          const [name = '', value = ''] = option.split('=', 2);
          return [name, value.replaceAll(',', ' ')] as const;
        }),
      ),
    }),
  );

/** Every binary source this machine uses. */
export const readAptSources = async (folder = '/etc/apt'): Promise<readonly AptSource[]> => {
  const parts = join(folder, 'sources.list.d');
  const names = await readdir(parts).catch(() => []);
  const files = [join(folder, 'sources.list'), ...names.sort().map((name) => join(parts, name))];
  const parsed = await Promise.all(
    files.map(async (file) => {
      const text = file.endsWith('.sources') || file.endsWith('.list') ? await readOrEmpty(file) : '';
      return file.endsWith('.sources') ? parseDeb822(text) : parseOneLine(text);
    }),
  );
  return parsed.flat().filter((source) => source.types.includes('deb'));
};

const readOrEmpty = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');

/** What sources may call the release `codename`: `bookworm`, or `oldstable`, which is whatever it is by now. */
const namesOf = (codename: string): readonly string[] => [codename, 'stable', 'oldstable', 'oldoldstable'];

/** The sources that carry the release `codename` itself, with only the suite replaced. */
export const withSuite = (
  sources: readonly AptSource[],
  codename: string,
  suite: string,
): readonly AptSource[] =>
  sources
    .filter((source) => source.suites.some((name) => namesOf(codename).includes(name)))
    .map((source) => ({ ...source, types: ['deb'], suites: [suite] }));

/** deb822 text. `extra` fields are added to every paragraph. */
export const renderDeb822 = (
  sources: readonly AptSource[],
  extra: Readonly<Record<string, string>> = {},
): string =>
  sources
    .map((source) =>
      Object.entries({
        Types: source.types.join(' '),
        URIs: source.uris.join(' '),
        Suites: source.suites.join(' '),
        Components: source.components.join(' '),
        ...source.options,
        ...extra,
      })
        .map(([name, value]) => `${name}: ${value}\n`)
        .join(''),
    )
    .join('\n');

/**
 * `sources.list` lines for a release, its updates and its security fixes, from the sources of a machine that
 * runs the release `codename`: `bookworm`, `bookworm-updates`, `bookworm-security`.
 */
export const oneLineEntries = (
  sources: readonly AptSource[],
  codename: string,
  release: string,
): readonly string[] =>
  sources.flatMap(({ uris, suites, components, options }) => {
    const trusted = options.Trusted === 'yes' ? '[trusted=yes] ' : '';
    const wanted = ['', '-updates', '-security'].filter((kind) =>
      suites.some((name) => namesOf(codename).some((own) => name === `${own}${kind}`)),
    );
    return wanted.flatMap((kind) =>
      uris.map((uri) => `deb ${trusted}${uri} ${release}${kind} ${components.join(' ')}`),
    );
  });
