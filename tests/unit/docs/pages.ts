import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The text of a file of the repository, by its path in it. */
export const readPage = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8');

/** What stands in the fenced blocks of one language, in order. */
export const fencedBlocks = (page: string, language: string): readonly string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, text = '']) => text,
  );

/** The part of a page below a heading, up to the next one of the same or a higher level. */
export const sectionOf = (page: string, heading: string): string => {
  const lines = page.split('\n');
  const at = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading);
  if (at === -1) throw new Error(`there is no heading ${heading}`);
  const level = /^#+/.exec(lines[at] ?? '')?.[0].length ?? 0;
  const below = lines.slice(at + 1);
  const end = below.findIndex((line) => (/^(#+) /.exec(line)?.[1]?.length ?? 9) <= level);
  return below.slice(0, end === -1 ? undefined : end).join('\n');
};

/** The rows of the first table below a heading, without its head; cells trimmed, without backticks. */
export const tableRows = (page: string, heading: string): readonly (readonly string[])[] => {
  const lines = sectionOf(page, heading).split('\n');
  const rule = lines.findIndex((line) => /^\|(-+\|)+$/.test(line));
  if (rule === -1) throw new Error(`there is no table below ${heading}`);
  const rest = lines.slice(rule + 1);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, end === -1 ? undefined : end).map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
};
