import { formatDuration } from '../../base/duration.ts';
import { formatAge, formatBytes, formatCount, plural } from '../../base/text/amount.ts';
import { bullet, type PageOptions, page } from '../../base/text/page.ts';
import { type Cell, type Column, naturalWidth, table } from '../../base/text/table.ts';
import type { Line } from '../../base/text/tone.ts';
import type { Manifest } from '../../snapshot/types.ts';
import type { CatalogEntry } from '../catalog.ts';
import type { Drilled } from '../drilled.ts';
import type { Verified } from '../verified.ts';

/** A snapshot and, where somebody looked, how its last verification and its last drill ended. */
export type ListRow = CatalogEntry & { readonly verification?: Verified; readonly drill?: Drilled };

interface ListColumn extends Column {
  readonly title: string;
  /** The highest goes first where the terminal is narrow; 0 always stays. */
  readonly dispensable: number;
  readonly cell: (row: ListRow, now: Date) => Cell;
}

const ago = (iso: string, now: Date): string => {
  const age = formatAge(now.getTime() - Date.parse(iso));
  return age === 'now' ? age : `${age} ago`;
};

const fromManifest =
  (cell: (manifest: Manifest, now: Date) => Cell) =>
  ({ manifest }: ListRow, now: Date): Cell =>
    manifest === undefined ? '' : cell(manifest, now);

const outcome = ({ manifest }: ListRow): Cell => {
  if (manifest === undefined) return { text: 'damaged', tone: 'bad' };
  if (manifest.outcome === 'complete') return { text: 'complete', tone: 'good' };
  const count = manifest.warnings.filter((warning) => warning.notice !== true).length;
  return { text: plural(count, 'warning'), tone: 'warn' };
};

const verified = ({ verification }: ListRow, now: Date): Cell => {
  if (verification === undefined) return { text: '-', tone: 'quiet' };
  const { ok, at, percent } = verification;
  if (!ok) return { text: `DAMAGED ${ago(at, now)}`, tone: 'bad' };
  return { text: percent === undefined ? ago(at, now) : `${percent}% ${ago(at, now)}`, tone: 'good' };
};

const drilled = ({ drill }: ListRow, now: Date): Cell => {
  if (drill === undefined) return { text: '-', tone: 'quiet' };
  const { ok, at, data } = drill;
  const what = data === 'dumps' ? 'dumps ' : '';
  return ok
    ? { text: `${what}${ago(at, now)}`, tone: 'good' }
    : { text: `FAILED ${what}${ago(at, now)}`, tone: 'bad' };
};

const columns: readonly ListColumn[] = [
  { title: 'SNAPSHOT', dispensable: 0, cell: ({ name }) => name },
  { title: 'TYPE', dispensable: 4, cell: fromManifest((manifest) => manifest.type) },
  { title: 'CREATED', dispensable: 3, cell: fromManifest((manifest, now) => ago(manifest.started, now)) },
  {
    title: 'SIZE',
    dispensable: 2,
    align: 'right',
    cell: fromManifest(({ totals }) => formatBytes(totals.bytes)),
  },
  {
    title: 'FILES',
    dispensable: 6,
    align: 'right',
    cell: fromManifest(({ totals }) => formatCount(totals.files)),
  },
  {
    title: 'DOWNTIME',
    dispensable: 5,
    align: 'right',
    cell: fromManifest(({ downtime }) => (downtime.maxMs > 0 ? formatDuration(downtime.maxMs) : 'none')),
  },
  { title: 'OUTCOME', dispensable: 0, cell: outcome },
  { title: 'VERIFIED', dispensable: 1, cell: verified },
  { title: 'DRILLED', dispensable: 1, cell: drilled },
];

/** All columns that have something to say, or those of them that fit: a name that is cut cannot be typed. */
const fitting = (rows: readonly ListRow[], width: number, now: Date): readonly ListColumn[] => {
  const unused = new Set([
    ...(rows.some(({ verification }) => verification !== undefined) ? [] : ['VERIFIED']),
    ...(rows.some(({ drill }) => drill !== undefined) ? [] : ['DRILLED']),
  ]);
  const kept = columns.filter(({ title }) => !unused.has(title));
  const wanted = (): number =>
    naturalWidth(
      rows.map((row) => kept.map(({ cell }) => cell(row, now))),
      kept,
    );
  while (wanted() > width) {
    const most = Math.max(...kept.map(({ dispensable }) => dispensable));
    if (most === 0) break;
    kept.splice(
      kept.findIndex(({ dispensable }) => dispensable === most),
      1,
    );
  }
  return kept;
};

const problems = (rows: readonly ListRow[], width: number): readonly Line[] =>
  rows.flatMap(({ name, problem }) =>
    problem === undefined ? [] : bullet({ text: '✗', tone: 'bad' }, `${name}: ${problem}`, width),
  );

/** The snapshots as a table, in the given order, and below it what is wrong with the damaged ones. */
export const renderList = (
  rows: readonly ListRow[],
  options: PageOptions & { readonly now: Date },
): string => {
  const { width, now } = options;
  if (rows.length === 0) return page([['No snapshots yet.']], options);
  const shown = fitting(rows, width, now);
  const cells = rows.map((row) => shown.map(({ cell }) => cell(row, now)));
  const wrong = problems(rows, width);
  return page([...table(cells, shown, { width }), ...(wrong.length === 0 ? [] : [[], ...wrong])], options);
};
