import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { readBooks, writers } from '../tests/support/reliability/book.ts';
import { tables } from '../tests/support/reliability/table.ts';

/** Puts the tables of the last `npm test` into docs/reliability.md, in the place of those that are there. */
const path = fileURLToPath(new URL('../docs/reliability.md', import.meta.url));

/** The page with another table as the first one below a heading. */
const withTable = (page: string, heading: string, table: string): string => {
  const place = new RegExp(`(?<=^#+ ${heading}\\n(?:(?!\\||#).*\\n)*)(?:\\|.*\\n)+`, 'm');
  if (!place.test(page)) throw new Error(`${path} has no table below ${heading}`);
  return page.replace(place, `${table}\n`);
};

const { by } = readBooks();
const missing = writers.filter((writer) => !by.includes(writer));
if (missing.length > 0)
  throw new Error(`not all tests have counted their faults: ${missing.join(', ')}; run npm test`);
const { faults, measured } = tables();
const page = await readFile(path, 'utf8');
await writeFile(path, withTable(withTable(page, 'Faults tried', faults), 'Measured', measured));
console.log(`${faults}\n\n${measured}`);
