import { open } from 'node:fs/promises';
import { errnoOf } from '../../base/errors.ts';
import { plural } from '../../base/text/amount.ts';
import { printable } from '../../base/text/printable.ts';
import type { ManualStep } from '../../config/drill/types.ts';
import type { CheckResult, DrillRecord } from '../../run/drill/record.ts';
import { failureLine, lookedAt, measured } from './words.ts';

const header = '# Drills\n\nEach entry was written by `stack-backup drill` when it ended.\n';

/** A line of text in Markdown: what stands in it is text, whoever wrote it. */
const escaped = (text: string): string => printable(text).replace(/[\\`*_{}[\]<>#|~!]/g, '\\$&');

const list = (title: string, items: readonly string[]): readonly string[] =>
  items.length === 0 ? [] : ['', `${title}:`, '', ...items.map((item) => `- ${item}`)];

const result = (record: DrillRecord): string => {
  if (record.outcome === 'passed') return `passed, ${plural(record.checks.passed, 'check')} held`;
  if (record.outcome === 'interrupted') return 'interrupted';
  return record.error === undefined
    ? `**failed**, ${plural(record.checks.failed, 'check')} did not hold`
    : `**failed**: ${escaped(record.error.message)}`;
};

const step = ({ step, owner }: ManualStep): string =>
  `${escaped(step)}${owner === undefined ? '' : ` (${escaped(owner)})`}`;

/** The entry of one drill, Markdown. Pure. */
export const runbookEntry = (
  record: DrillRecord,
  checks: readonly CheckResult[],
  manual: readonly ManualStep[],
): string =>
  [
    '',
    `## ${record.started.slice(0, 16).replace('T', ' ')} UTC: ${escaped(record.instance)}`,
    '',
    `- Result: ${result(record)}`,
    `- Snapshot: ${escaped(record.snapshot)}, ${record.data === 'dumps' ? 'databases from their dumps' : 'from its files'}`,
    `- Run by: ${escaped(record.by)}`,
    `- Looked at: ${escaped(lookedAt(checks))}`,
    ...measured(record).map((line) => `- Measured: ${escaped(line)}`),
    ...list('What did not hold', record.failures.map(failureLine).map(escaped)),
    ...list('Observations', record.observations.map(escaped)),
    ...list('Steps for people, in a real recovery', manual.map(step)),
    '',
  ].join('\n');

/** Adds an entry, durably. The file is made when it is not there. */
export const addToRunbook = async (path: string, entry: string): Promise<void> => {
  const isNew = await open(path, 'wx', 0o644).then(
    async (file) => {
      await file.close();
      return true;
    },
    (error: unknown) => {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    },
  );
  const file = await open(path, 'a');
  try {
    await file.appendFile(isNew ? header + entry : entry);
    await file.sync();
  } finally {
    await file.close();
  }
};
