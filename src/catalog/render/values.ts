import { formatCount, plural } from '../../base/text/amount.ts';
import { bullet } from '../../base/text/page.ts';
import { printable } from '../../base/text/printable.ts';
import { type Cell, table } from '../../base/text/table.ts';
import type { Line } from '../../base/text/tone.ts';
import type { Manifest, ManifestCheck } from '../../snapshot/types.ts';

/** Tables that are shown; the manifest has them all. */
const mostTables = 50;

/** The rows of every table of every dumped database. */
export const rows = ({ dumps }: Manifest, width: number): readonly Line[] => {
  const all = dumps.flatMap(({ database = '', tables = [] }) =>
    tables.map(({ schema, table: name, rows: count }): Cell[] => [
      database,
      schema === undefined ? name : `${schema}.${name}`,
      formatCount(count),
    ]),
  );
  const left = all.length - mostTables;
  return [
    ...table(all.slice(0, mostTables), [{ max: 32 }, { max: 48 }, { align: 'right' }], { width, indent: 2 }),
    ...(left > 0
      ? bullet({ text: '·', tone: 'quiet' }, `${plural(left, 'more table')}: \`show --json\` has them`, width)
      : []),
  ];
};

const expectation = ({ expect }: ManifestCheck): string => {
  if (expect.is === 'equals') return `equals ${JSON.stringify(expect.value)}`;
  return expect.is === 'matches' ? `matches ${JSON.stringify(expect.pattern)}` : expect.is;
};

const checkRow = (check: ManifestCheck): readonly Cell[] => [
  check.ok ? { text: '✓', tone: 'good' } : { text: '!', tone: 'warn' },
  check.name,
  check.problem ?? printable(check.value ?? ''),
  `${expectation(check)}${check.exact ? '' : ', near the copy'}`,
];

/** What the checks were answered. */
export const checks = (manifest: Manifest, width: number): readonly Line[] =>
  table((manifest.checks ?? []).map(checkRow), [{}, { max: 32 }, {}, { tone: 'quiet' }], {
    width,
    indent: 2,
  });
