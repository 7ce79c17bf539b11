import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Folder of the package that a module belongs to: what follows the last `node_modules`. */
const packageOf = (module: string): string | undefined =>
  /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(module)?.[0];

interface Described {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

/** What the licence of a package asks for: its text, and whose it is. */
const noticeOf = async (folder: string): Promise<string> => {
  const { name, version, license } = JSON.parse(
    await readFile(join(folder, 'package.json'), 'utf8'),
  ) as Described;
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice)/i.test(file)).sort();
  if (license === undefined) throw new Error(`${name} names no licence`);
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  return `## ${name} ${version} (${license})\n\n${texts.map((text) => text.trim()).join('\n\n')}\n`;
};

const head = `# Third-party notices

The programs in this folder hold code of the packages below, each under its own licence.
`;

/**
 * Writes THIRD-PARTY.md into `out`: name, version and licence of every package that the modules come from.
 * A package that names no licence ends the build.
 */
export const writeNotices = async (modules: readonly string[], out: string): Promise<void> => {
  const folders = new Set(modules.map(packageOf).filter((folder) => folder !== undefined));
  const notices = await Promise.all([...folders].sort().map(noticeOf));
  await writeFile(join(out, 'THIRD-PARTY.md'), [head, ...notices].join('\n'));
};
