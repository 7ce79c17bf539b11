import { formatDuration } from '../../base/duration.ts';
import { formatBytes } from '../../base/text/amount.ts';
import { formatMoment } from '../../base/text/moment.ts';
import { bullet, type PageOptions, page } from '../../base/text/page.ts';
import { type Cell, type Column, naturalWidth, table } from '../../base/text/table.ts';
import type { Line, Tone } from '../../base/text/tone.ts';
import type { HistoryRecord } from '../history.ts';

const kindOf = (record: HistoryRecord): string => {
  if (record.kind === undefined) return record.type === 'manual' ? 'backup' : record.type;
  if (record.kind === 'into') return `restore into ${record.project}`;
  return record.kind;
};

const tones: Readonly<Record<string, Tone>> = {
  complete: 'good',
  passed: 'good',
  whole: 'good',
  'complete-with-warnings': 'warn',
  interrupted: 'warn',
};

const outcomeOf = ({ outcome }: HistoryRecord): Cell => ({
  text: outcome === 'complete-with-warnings' ? 'warnings' : outcome,
  tone: tones[outcome] ?? 'bad',
});

/** Nothing where it took no time, or keeps no services down. */
const spent = (ms: number | undefined): Cell => (ms !== undefined && ms > 0 ? formatDuration(ms) : '');

interface HistoryColumn extends Column {
  readonly title: string;
  /** The highest goes first where the terminal is narrow; 0 always stays. */
  readonly dispensable: number;
  readonly cell: (record: HistoryRecord, zone: string) => Cell;
}

/** To the minute: that is how runs are scheduled. */
const startOf = ({ started }: HistoryRecord, zone: string): string =>
  formatMoment(started, zone).slice(0, 16);

const columns: readonly HistoryColumn[] = [
  { title: 'STARTED', dispensable: 0, cell: startOf },
  { title: 'INSTANCE', dispensable: 0, cell: ({ instance }) => instance },
  { title: 'WHAT', dispensable: 2, cell: kindOf },
  { title: 'OUTCOME', dispensable: 0, cell: outcomeOf },
  {
    title: 'DOWNTIME',
    dispensable: 0,
    align: 'right',
    cell: (record) => spent('downtimeMs' in record ? record.downtimeMs : undefined),
  },
  {
    title: 'WINDOW',
    dispensable: 4,
    align: 'right',
    cell: (record) => spent('windowMs' in record ? record.windowMs : undefined),
  },
  {
    title: 'TOTAL',
    dispensable: 3,
    align: 'right',
    cell: (record) => spent('totalMs' in record ? record.totalMs : undefined),
  },
  {
    title: 'SIZE',
    dispensable: 1,
    align: 'right',
    cell: (record) => ('bytes' in record && record.bytes > 0 ? formatBytes(record.bytes) : ''),
  },
];

/** All columns, or those of them that fit. */
const fitting = (
  records: readonly HistoryRecord[],
  width: number,
  zone: string,
): readonly HistoryColumn[] => {
  let kept = columns;
  for (let most = 4; most > 0; most--) {
    const cells = records.map((record) => kept.map(({ cell }) => cell(record, zone)));
    if (naturalWidth(cells, kept) <= width) break;
    kept = kept.filter(({ dispensable }) => dispensable !== most);
  }
  return kept;
};

/** What went wrong, one bullet each. */
const problems = (records: readonly HistoryRecord[], zone: string, width: number): readonly Line[] =>
  records.flatMap((record) =>
    'error' in record && record.error !== undefined
      ? bullet(
          { text: '✗', tone: 'bad' },
          `${formatMoment(record.started, zone)} ${record.instance}: ${record.error.message}`,
          width,
        )
      : [],
  );

/**
 * Everything that was run, in the given order, with what it cost: how downtime and size go on from one to the
 * next. `zone`: of the times that are shown.
 */
export const renderHistory = (
  records: readonly HistoryRecord[],
  options: PageOptions & { readonly zone: string },
): string => {
  const { width, zone } = options;
  const shown = fitting(records, width, zone);
  const cells = records.map((record) => shown.map(({ cell }) => cell(record, zone)));
  const wrong = problems(records, zone, width);
  return page([...table(cells, shown, { width }), ...(wrong.length === 0 ? [] : [[], ...wrong])], options);
};
