import { messageOf } from '../../base/errors.ts';
import { formatCount } from '../../base/text/amount.ts';
import { planLoad } from '../../hooks/load/load.ts';
import type { LoadContext, LoadSource } from '../../hooks/load/types.ts';
import type { CheckResult } from '../../run/drill/record.ts';
import { isIgnored } from './ignored.ts';

interface Table {
  readonly schema?: string | undefined;
  readonly table: string;
  readonly now: number | undefined;
  readonly dump: number | undefined;
}

/**
 * A dump is of a moment before the files: rows may have come since. Fewer are a loss, unless the table is one
 * that empties itself, which only people know (`drill.ignore_rows`).
 */
const judged = (database: string, { schema, table, now, dump }: Table): CheckResult => {
  const about = [database, schema, table].filter((part) => part !== undefined).join('.');
  const ok = now !== undefined && now >= (dump ?? 0);
  const rows = now === undefined ? 'it is not there' : `${formatCount(now)} rows`;
  return { kind: 'rows', about, ok, message: ok ? rows : `${rows}; the dump has ${formatCount(dump ?? 0)}` };
};

/** Rows of every table that a dump has, in the database that came back, against the dump. */
export const rowsChecks = async (
  context: LoadContext,
  source: LoadSource,
  ignored: readonly string[],
): Promise<readonly CheckResult[]> => {
  const database = source.dump.database ?? source.dump.path;
  try {
    const { tables } = await planLoad(context, source, 'drill');
    return tables
      .filter(({ dump }) => dump !== undefined)
      .filter(({ schema, table }) => !isIgnored(ignored, [database, schema, table]))
      .map((table) => judged(database, table));
  } catch (error) {
    if (context.signal.aborted) throw error;
    return [{ kind: 'rows', about: database, ok: false, message: messageOf(error) }];
  }
};
