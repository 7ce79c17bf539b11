import { formatDuration } from '../../base/duration.ts';
import { plural } from '../../base/text/amount.ts';
import { printable } from '../../base/text/printable.ts';
import type { CheckResult, DrillRecord, Target } from '../../run/drill/record.ts';

/** `2 d 3 h`: an age, which may be long. */
const formatAge = (ms: number): string => {
  const hours = Math.floor(ms / 3_600_000);
  return hours < 48 ? formatDuration(ms) : `${Math.floor(hours / 24)} d ${hours % 24} h`;
};

const against = (target: Target | undefined, name: string): string =>
  target === undefined
    ? ''
    : `, ${target.met ? 'within' : 'OVER'} the ${name} of ${formatAge(target.limitMs)}`;

/** What was measured, a line each. */
export const measured = (record: DrillRecord): readonly string[] => [
  ...(record.restoredMs === undefined ? [] : [`restored after ${formatDuration(record.restoredMs)}`]),
  ...(record.healthyMs === undefined
    ? []
    : [`healthy after ${formatDuration(record.healthyMs)}${against(record.rto, 'rto')}`]),
  `the data was ${formatAge(record.ageMs)} old${against(record.rpo, 'rpo')}`,
];

/** One of a kind, several, and what was looked at in them. */
const titles: Readonly<Record<CheckResult['kind'], readonly [string, string, string]>> = {
  health: ['service', 'services', ''],
  files: ['copy', 'copies', ' (files and bytes)'],
  rows: ['table', 'tables', ' (rows)'],
  sqlite: ['SQLite file', 'SQLite files', ' (integrity)'],
  check: ['check', 'checks', ' of the configuration'],
};

/** `5 services, 4 copies (files and bytes), …`: what was looked at. */
export const lookedAt = (checks: readonly CheckResult[]): string =>
  Object.entries(titles)
    .map(([kind, title]) => [checks.filter((check) => check.kind === kind).length, title] as const)
    .filter(([count]) => count > 0)
    .map(([count, [one, many, what]]) => `${plural(count, one, many)}${what}`)
    .join(', ') || 'nothing';

export const failureLine = ({ kind, about, message }: CheckResult): string => `${kind}: ${about}: ${message}`;

/** The closing words of a drill, for a terminal. */
export const closing = (record: DrillRecord, checks: readonly CheckResult[]): string => {
  const { passed, failed } = record.checks;
  const head =
    record.outcome === 'passed'
      ? `${record.snapshot}: the drill passed: ${plural(passed, 'check')} held`
      : record.error === undefined
        ? `${record.snapshot}: the drill FAILED: ${failed} of ${plural(passed + failed, 'check')} did not hold`
        : `${record.snapshot}: the drill FAILED: ${record.error.message}`;
  const lines = [
    head,
    ...record.failures.map((failure) => `  ${failureLine(failure)}`),
    ...(record.error?.next === undefined ? [] : [`  ${record.error.next}`]),
    `  looked at: ${lookedAt(checks)}`,
    ...measured(record).map((line) => `  ${line}`),
    ...record.observations.map((line) => `  note: ${line}`),
  ];
  return `${lines.map(printable).join('\n')}\n`;
};

/** How to look into a sandbox that was kept, and how to be rid of it. */
export const howToEnter = ({ project }: DrillRecord, services: readonly string[]): string =>
  [
    `  the sandbox is kept: docker exec -it ${project}-${services[0] ?? '<service>'}-1 sh`,
    `  to remove it: stack-backup drill --remove ${project}`,
    '',
  ].join('\n');
