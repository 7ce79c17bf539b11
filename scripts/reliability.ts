import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readBooks, whyNotWhole } from '../tests/support/reliability/books.ts';
import { tables } from '../tests/support/reliability/table.ts';

/** Puts the tables of the last `npm test` into docs/reliability.md, in the place of those that are there. */
const path = fileURLToPath(new URL('../docs/reliability.md', import.meta.url));
const sources = fileURLToPath(new URL('../src', import.meta.url));

/** The page with another table as the first one below a heading. */
const withTable = (page: string, heading: string, table: string): string => {
  const place = new RegExp(`(?<=^#+ ${heading}\\n(?:(?!\\||#).*\\n)*)(?:\\|.*\\n)+`, 'm');
  if (!place.test(page)) throw new Error(`${path} has no table below ${heading}`);
  return page.replace(place, `${table}\n`);
};

/** Sources that have changed since. */
const changedSince = async (time: number): Promise<readonly string[]> => {
  const names = (await readdir(sources, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const times = await Promise.all(names.map(async (name) => (await stat(join(sources, name))).mtimeMs));
  return names.filter((_, at) => (times[at] ?? 0) > time);
};

const books = readBooks();
const changed = await changedSince(Math.min(...books.map(({ begun }) => begun)));
const problems = [
  ...whyNotWhole(books),
  ...(changed.length === 0 ? [] : [`src has changed since: ${changed.slice(0, 3).join(', ')}`]),
];
if (problems.length > 0) {
  console.error(`What was counted is not of one whole run of these sources:\n  ${problems.join('\n  ')}`);
  console.error('Run `npm test`, all of it; when it has passed, run this again.');
  process.exit(1);
}
const { faults, measured } = tables(books);
const page = await readFile(path, 'utf8');
await writeFile(path, withTable(withTable(page, 'Faults tried', faults), 'Measured', measured));
console.log(`${faults}\n\n${measured}`);
