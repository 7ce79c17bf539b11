import { formatDuration } from '../base/duration.ts';
import { formatBytes, formatCount, formatRate, plural } from '../base/text/amount.ts';
import { bullet, page, paragraph, section } from '../base/text/page.ts';
import { printable } from '../base/text/printable.ts';
import { type Cell, type Column, table } from '../base/text/table.ts';
import type { Line } from '../base/text/tone.ts';
import { wrap } from '../base/text/width.ts';
import { describeCheck, describeHook } from './describe.ts';
import { waveTable } from './render/waves.ts';
import type { BackupPlan, PlannedCopy } from './types.ts';

const afterwards = ({ stopWaves }: BackupPlan, width: number): readonly Line[] => {
  const planned = stopWaves.flat();
  if (planned.length === 0)
    return paragraph('Nothing runs that has to be quiet: no service is touched.', width);
  const awaited = planned.filter((one) => one.awaitHealth).map((one) => one.name);
  const health = awaited.length === 0 ? '' : ` ${awaited.join(', ')} must be healthy again.`;
  return paragraph(`Afterwards they come back in the opposite order.${health}`, width);
};

const untouched = (plan: BackupPlan, width: number): readonly Line[] =>
  table(
    plan.untouched.map((one) => [one.name, one.state, one.reason]),
    [{ max: 32 }, {}, { tone: 'quiet' }],
    { width, indent: 2 },
  );

const ways = { host: 'From the host', api: 'Through the engine' } as const;

const copyRow = (planned: PlannedCopy): readonly Cell[] => [
  planned.task.name,
  planned.size === undefined ? { text: 'unknown', tone: 'quiet' } : formatBytes(planned.size.bytes),
  planned.size === undefined ? '' : plural(planned.size.files, 'file'),
  { text: planned.consistency, tone: planned.consistency === 'crash' ? 'warn' : 'plain' },
  { text: [formOf(planned), sharedOf(planned)].filter(Boolean).join(', '), tone: 'quiet' },
];

/** A tree needs no words. */
const formOf = ({ form, formReason, task }: PlannedCopy): string =>
  form === 'archive' && task.method === 'host' ? `as an archive (${formReason})` : '';

/** What an incremental copy needs to copy, as far as a look at the change times tells. */
const sharedOf = ({ base, size }: PlannedCopy): string =>
  base === undefined || size?.changed === undefined
    ? ''
    : `${formatBytes(size.changed.allocated)} changed since ${base.snapshot}`;

const wayOf = ({ task, warm }: PlannedCopy, readRate: number): string => {
  const rate = readRate === 0 ? '' : ` (at ${formatRate(readRate)} at most)`;
  return warm ? `From the host while the services run${rate}, then what changed` : ways[task.method];
};

/** Those that go the same way for the same reason stand together below it. */
const copies = (plan: BackupPlan, width: number): readonly Line[] => {
  const rows = [
    ...Map.groupBy(
      plan.copies,
      (planned) => `${wayOf(planned, plan.instance.limits.readRate)}: ${planned.reason}`,
    ),
  ];
  if (rows.length === 0) return paragraph('Nothing: there is no data to keep.', width);
  const columns: readonly Column[] = [{ max: 40 }, { align: 'right' }, { align: 'right' }, {}, {}];
  return rows.flatMap(([way, planned]) => [
    ...paragraph(way, width).map((line): Line => line.map((part) => ({ text: `${part}`, tone: 'quiet' }))),
    ...table(planned.map(copyRow), columns, { width, indent: 4 }),
  ]);
};

const copiesTitle = ({ copies: planned }: BackupPlan): string => {
  const sizes = planned.flatMap(({ size }) => (size === undefined ? [] : [size]));
  if (sizes.length === 0) return 'Copied';
  const bytes = sizes.reduce((sum, size) => sum + size.bytes, 0);
  return `Copied, ${formatBytes(bytes)} in ${plural(
    sizes.reduce((sum, size) => sum + size.files, 0),
    'file',
  )}`;
};

const skipped = (plan: BackupPlan, width: number): readonly Line[] =>
  table(
    plan.skipped.map(({ kind, name, services, reason }) => [
      name,
      kind,
      `${reason}${services.length === 0 ? '' : ` (${services.join(', ')})`}`,
    ]),
    [{ max: 32 }, {}, { tone: 'quiet' }],
    { width, indent: 2 },
  );

/** In the order in which they run. */
const phases = ['before-stop', 'while-stopped', 'after-start', 'finally'] as const;

const hooks = (plan: BackupPlan, width: number): readonly Line[] => {
  const rows = phases.flatMap((phase) =>
    plan.hooks
      .filter((hook) => hook.phase === phase)
      .map((hook, at): Cell[] => [
        at === 0 ? phase : '',
        hook.name,
        `${describeHook(hook)} (timeout ${formatDuration(hook.timeout)}, on_failure: ${hook.onFailure})`,
      ]),
  );
  return table(rows, [{ tone: 'quiet' }, { max: 32 }, {}], { width, indent: 2 });
};

const checks = (plan: BackupPlan, width: number): readonly Line[] =>
  table(
    plan.instance.checks.map((check): Cell[] => [
      check.name,
      `${describeCheck(check)} (timeout ${formatDuration(check.timeout)}, on_failure: ${check.onFailure})`,
    ]),
    [{ max: 32 }, {}],
    { width, indent: 2 },
  );

const warnings = (plan: BackupPlan, width: number): readonly Line[] =>
  plan.warnings.flatMap(({ notice, message }) =>
    bullet(notice === true ? { text: '·', tone: 'quiet' } : { text: '!', tone: 'warn' }, message, width),
  );

const sums = (
  { copies: planned, needed, instance, predictedDowntimeMs }: BackupPlan,
  width: number,
): readonly Line[] => {
  const unknown = planned.filter((copy) => copy.size === undefined).length;
  const more =
    unknown === 0 ? '' : `, and the size of ${plural(unknown, 'mount')} that cannot be measured before`;
  const needs = `Needs ${formatBytes(needed.bytes)} and ${formatCount(needed.inodes)} inodes in ${instance.backups}${more}.`;
  const downtime =
    predictedDowntimeMs === undefined
      ? 'No downtime.'
      : `Predicted downtime: ${formatDuration(predictedDowntimeMs)}.`;
  return [
    [],
    ...[needs, downtime].flatMap((line) => wrap(printable(line), width)).map((line): Line => [line]),
  ];
};

/** What a backup would do, for people: each part with its reason. Pure; ends with a line end. */
export const renderPlan = (
  plan: BackupPlan,
  { color, width = 80 }: { readonly color: boolean; readonly width?: number },
): string => {
  const { instance, stack } = plan;
  const about = `  project ${stack.project} · quiesce: ${instance.quiesce}`;
  return page(
    [
      [
        { text: printable(instance.name), tone: 'strong' },
        { text: printable(about), tone: 'quiet' },
      ],
      ...section('Quieted, wave by wave', [...waveTable(plan, width), ...afterwards(plan, width)]),
      ...section('Left as they are', untouched(plan, width)),
      ...section(copiesTitle(plan), copies(plan, width)),
      ...section('Left out', skipped(plan, width)),
      ...section('Hooks', hooks(plan, width)),
      ...section('Checks', checks(plan, width)),
      ...section('Warnings', warnings(plan, width)),
      ...sums(plan, width),
    ],
    { color, width },
  );
};
