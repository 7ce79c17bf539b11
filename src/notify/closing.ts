import { formatDuration } from '../base/duration.ts';
import type { RunEvent } from '../base/events.ts';
import { formatBytes, plural } from '../base/text/amount.ts';
import { printable } from '../base/text/printable.ts';
import { type Line, paint, type Style } from '../base/text/tone.ts';
import { guard, type Listener, type Output } from './listener.ts';

export type Finished = RunEvent & { readonly type: 'run-finished' };

const downtime = (event: Finished): string =>
  event.downtimeMs > 0 ? `down ${formatDuration(event.downtimeMs)}` : 'no downtime';

/** What became of the data, and with which words the services stand by it. */
const restoreFacts = (
  event: Finished,
  { from, data }: NonNullable<Finished['restore']>,
): readonly string[] => {
  const total = `total ${formatDuration(event.totalMs)}`;
  const safety = event.path === undefined ? [] : [`before it: ${event.path}`];
  const isDown = event.outcome === 'services-down' ? ['SOME SERVICES ARE DOWN'] : [];
  const words = {
    restored: `restored from ${from}`,
    'rolled-back': `NOT restored from ${from}, data as before`,
    untouched: `NOT restored from ${from}, nothing was touched`,
    'as-is': `NOT restored from ${from}, data taken as it stands`,
    'half-restored': `HALF RESTORED from ${from}, what uses the data stays down`,
  } as const;
  return [...isDown, words[data], downtime(event), total, ...safety];
};

const facts = (event: Finished): readonly string[] => {
  if (event.restore !== undefined) return restoreFacts(event, event.restore);
  return backupFacts(event);
};

const backupFacts = (event: Finished): readonly string[] => {
  const total = `total ${formatDuration(event.totalMs)}`;
  const size = [formatBytes(event.bytes), plural(event.files, 'file')];
  const without = event.path === undefined ? ['no snapshot'] : [];
  switch (event.outcome) {
    case 'complete':
      return [...size, downtime(event), total];
    case 'complete-with-warnings':
      return [...size, downtime(event), total, plural(event.warnings, 'warning')];
    case 'services-down':
      return ['SOME SERVICES ARE DOWN', ...(event.path === undefined ? without : size), total];
    case 'interrupted':
      return ['interrupted', ...without, 'services as before', downtime(event), total];
    case 'failed':
      return ['failed', ...without, 'services as before', downtime(event), total];
  }
};

const marks = {
  complete: { text: '✓', tone: 'good' },
  'complete-with-warnings': { text: '!', tone: 'warn' },
  failed: { text: '✗', tone: 'bad' },
  'services-down': { text: '✗', tone: 'bad' },
  interrupted: { text: '✗', tone: 'bad' },
} as const;

/** The one line that says how a run ended: where the snapshot lies, its size, files, downtime, total. */
const closingLine = (event: Finished): Line => {
  const path =
    event.path === undefined || event.restore !== undefined
      ? []
      : [{ text: `  ${printable(event.path)}`, tone: 'strong' } as const];
  return [marks[event.outcome], ` ${printable(event.instance)}`, ...path, `  ${facts(event).join(' · ')}`];
};

/** The same in words, without instance and mark. */
export const closingText = (event: Finished): string =>
  [...(event.path === undefined || event.restore !== undefined ? [] : [event.path]), ...facts(event)].join(
    ' · ',
  );

/** Did the run do what it was to do, and leave every service as it was? */
export const wentWell = (event: Finished): boolean =>
  event.outcome === 'complete' || event.outcome === 'complete-with-warnings';

/** Writes the closing line, so that the last line of standard output is the result. */
export const closingListener = (stream: Output, style: Style): Listener => {
  guard(stream);
  return {
    on: (event) => {
      if (event.type === 'run-finished') stream.write(`${paint(closingLine(event), style)}\n`);
    },
    close: () => {},
  };
};
