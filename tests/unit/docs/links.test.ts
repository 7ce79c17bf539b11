import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readPage } from './pages.ts';

const pages = [
  'README.md',
  'CHANGELOG.md',
  'docs/configuration.md',
  'docs/development.md',
  'docs/how-it-works.md',
  'docs/performance.md',
  'docs/reliability.md',
  'docs/snapshot-format.md',
  'docs/troubleshooting.md',
  'examples/core/README.md',
];

/** The anchors of a page's headings, as they are made where the repository is shown. */
const anchorsOf = (page: string): readonly string[] =>
  readPage(page)
    .replace(/^```[\s\S]*?^```$/gm, '')
    .split('\n')
    .filter((line) => /^#+ /.test(line))
    .map((line) =>
      line
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );

const exists = (path: string): boolean =>
  existsSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)));

describe.each(pages)('%s', (page) => {
  const links = [...readPage(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !target.startsWith('https://'));

  it('links only to what is there', () => {
    for (const link of links) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : posix.join(posix.dirname(page), path);
      expect(exists(target), link).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(target), link).toContain(anchor);
    }
  });

  it('is not too wide to read as text', () => {
    const prose = readPage(page)
      .replace(/^```[\s\S]*?^```$/gm, '')
      .split('\n')
      .filter((line) => !line.startsWith('|') && !line.includes(']('));
    expect(prose.filter((line) => line.length > 112)).toEqual([]);
  });
});
