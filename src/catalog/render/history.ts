import { formatDuration } from '../../base/duration.ts';
import { formatBytes } from '../../base/text/amount.ts';
import { formatMoment } from '../../base/text/moment.ts';
import { bullet, type PageOptions, page } from '../../base/text/page.ts';
import { type Cell, type Column, table } from '../../base/text/table.ts';
import type { Line, Tone } from '../../base/text/tone.ts';
import type { HistoryRecord } from '../history.ts';

const kindOf = (record: HistoryRecord): string => {
  if (record.kind === undefined) return record.type === 'manual' ? 'backup' : `backup (${record.type})`;
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

const outcomeOf = ({ outcome }: HistoryRecord): Cell => ({ text: outcome, tone: tones[outcome] ?? 'bad' });

const isRun = (record: HistoryRecord) => record.kind === undefined || record.kind === 'restore';

const downtimeOf = (record: HistoryRecord): Cell =>
  isRun(record) && 'downtimeMs' in record && record.downtimeMs > 0 ? formatDuration(record.downtimeMs) : '';

const windowOf = (record: HistoryRecord): Cell =>
  isRun(record) && 'windowMs' in record && record.windowMs > 0 ? formatDuration(record.windowMs) : '';

const totalOf = (record: HistoryRecord): Cell => ('totalMs' in record ? formatDuration(record.totalMs) : '');

const sizeOf = (record: HistoryRecord): Cell =>
  'bytes' in record && record.bytes > 0 ? formatBytes(record.bytes) : '';

const columns: readonly Column[] = [
  { title: 'STARTED' },
  { title: 'INSTANCE' },
  { title: 'WHAT' },
  { title: 'OUTCOME' },
  { title: 'DOWNTIME', align: 'right' },
  { title: 'WINDOW', align: 'right' },
  { title: 'TOTAL', align: 'right' },
  { title: 'SIZE', align: 'right' },
];

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
  const cells = records.map((record) => [
    formatMoment(record.started, zone),
    record.instance,
    kindOf(record),
    outcomeOf(record),
    downtimeOf(record),
    windowOf(record),
    totalOf(record),
    sizeOf(record),
  ]);
  const wrong = problems(records, zone, width);
  return page([...table(cells, columns, { width }), ...(wrong.length === 0 ? [] : [[], ...wrong])], options);
};
