import { StackBackupError } from '../../base/errors.ts';
import { plural } from '../../base/text/amount.ts';
import type { TableRows } from '../../snapshot/types.ts';
import { printable } from '../output.ts';
import type { CountedRows, LoadPreview } from './types.ts';

const keyOf = ({ schema, table }: Pick<TableRows, 'schema' | 'table'>): string =>
  JSON.stringify([schema, table]);

/** Two counts of a database side by side, in the order of schemas and tables. Pure. */
export const sideBySide = (
  now: readonly TableRows[] | undefined,
  dump: readonly TableRows[] | undefined,
): LoadPreview['tables'] => {
  const all = new Map([...(now ?? []), ...(dump ?? [])].map((one) => [keyOf(one), one]));
  const rowsIn = (side: readonly TableRows[] | undefined) =>
    new Map((side ?? []).map((one) => [keyOf(one), one.rows]));
  const [left, right] = [rowsIn(now), rowsIn(dump)];
  return [...all]
    .map(([key, { schema, table }]) => ({ schema, table, now: left.get(key), dump: right.get(key) }))
    .sort((a, b) => (a.schema ?? '').localeCompare(b.schema ?? '') || a.table.localeCompare(b.table));
};

/** Throws `verify-failed` when a table that was counted in the dump is not there with as many rows. */
export const requireSameRows = (
  what: string,
  loaded: readonly CountedRows[],
  expected: readonly TableRows[] | undefined,
): void => {
  const found = new Map(loaded.map((one) => [keyOf(one), one]));
  const wrong = (expected ?? []).filter((one) => {
    const there = found.get(keyOf(one));
    return there?.extension !== true && there?.rows !== one.rows;
  });
  const [first] = wrong;
  if (first === undefined) return;
  const name = printable([...(first.schema === undefined ? [] : [first.schema]), first.table].join('.'), 100);
  const more = wrong.length - 1;
  throw new StackBackupError(
    'verify-failed',
    `${what} was loaded with other rows than it was dumped with: ${name} has ${found.get(keyOf(first))?.rows ?? 'none'}, not ${first.rows}` +
      (more > 0 ? `, and ${plural(more, 'more table')}` : ''),
    { next: 'What was there before is in place. Verify the snapshot, or use another one.' },
  );
};
