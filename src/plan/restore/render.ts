import { formatBytes, plural } from '../../base/text/amount.ts';
import { bullet, type PageOptions, page, paragraph, section } from '../../base/text/page.ts';
import { printable } from '../../base/text/printable.ts';
import { type Cell, table } from '../../base/text/table.ts';
import type { Line } from '../../base/text/tone.ts';
import { wrap } from '../../base/text/width.ts';
import { waveTable } from '../render/waves.ts';
import type { PlannedPutBack, RestorePlan } from './types.ts';

const stopped = ({ window }: RestorePlan, width: number): readonly Line[] =>
  window.stopWaves.length === 0
    ? paragraph('Nothing runs that uses it: no service is touched.', width)
    : waveTable(window, width);

const wayOf = ({ method, reason, paths }: PlannedPutBack): string =>
  [
    method === 'api' ? 'through the engine' : 'on the host',
    reason,
    ...(paths === undefined ? [] : [`only ${paths.map(String).join(', ')}`]),
  ].join('; ');

const overwritten = ({ putBacks }: RestorePlan, width: number): readonly Line[] =>
  table(
    putBacks.map((put): Cell[] => [
      put.name,
      put.create === undefined && !put.isMissing ? { text: 'overwritten', tone: 'warn' } : 'made anew',
      formatBytes(put.mount.bytes),
      plural(put.mount.files, 'file'),
      wayOf(put),
    ]),
    [{ max: 40 }, {}, { align: 'right' }, { align: 'right' }, { tone: 'quiet' }],
    { width, indent: 2 },
  );

const loaded = ({ loads }: RestorePlan, width: number): readonly Line[] =>
  table(
    loads.map((dump): Cell[] => [
      dump.service,
      dump.database ?? dump.path,
      formatBytes(dump.bytes),
      { text: 'loaded beside it, then swapped in', tone: 'warn' },
    ]),
    [{ max: 32 }, { max: 40 }, { align: 'right' }, {}],
    { width, indent: 2 },
  );

const leftOut = (plan: RestorePlan, width: number): readonly Line[] =>
  table(
    plan.leftOut.map(({ name, kind, reason }) => [name, kind, reason]),
    [{ max: 32 }, {}, { tone: 'quiet' }],
    { width, indent: 2 },
  );

const kept = ({ window, instance, putBacks }: RestorePlan, width: number): readonly Line[] => {
  const names = window.copies.map(({ mount }) => mount.name);
  if (names.length > 0)
    return paragraph(
      `${names.join(', ')} as it is now: a snapshot in ${instance.backups}, kept for seven days at least; \`stack-backup restore --undo ${instance.name}\` puts it back.`,
      width,
    );
  const isNew = putBacks.every(
    ({ create, isRemade, isMissing }) => isMissing || (create !== undefined && isRemade === undefined),
  );
  return paragraph(isNew ? 'Nothing: nothing is there yet.' : 'Nothing (--no-safety).', width);
};

const marked = (words: readonly string[], mark: '!' | '✗', width: number): readonly Line[] =>
  words.flatMap((one) => bullet({ text: mark, tone: mark === '!' ? 'warn' : 'bad' }, one, width));

const others = ({ others: found }: RestorePlan, width: number): readonly Line[] =>
  table(
    found.map(({ name, uses }): Cell[] => [name, `uses ${uses}`]),
    [{ max: 60 }, { tone: 'quiet' }],
    { width, indent: 2 },
  );

/** A restore plan for people: what is stopped, what is overwritten, what is kept of it, what stands in the way. */
export const renderRestore = (plan: RestorePlan, options: PageOptions): string => {
  const { width } = options;
  const { manifest, instance, warnings, refusals } = plan;
  const title = `Restore of ${manifest.snapshot} into ${instance.project}: data of ${manifest.consistent}`;
  return page(
    [
      ...wrap(printable(title), width).map((line): Line => [{ text: line, tone: 'strong' }]),
      ...section('Stopped meanwhile', stopped(plan, width)),
      ...section('Of other projects among them', others(plan, width)),
      ...section('Put back', overwritten(plan, width)),
      ...section('Loaded from dumps', loaded(plan, width)),
      ...section('Kept before', kept(plan, width)),
      ...section('Left out', leftOut(plan, width)),
      ...section(
        'Warnings',
        marked(
          warnings.map(({ message }) => message),
          '!',
          width,
        ),
      ),
      ...section('In the way', marked(refusals, '✗', width)),
    ],
    options,
  );
};

const listed = (names: readonly string[]): string =>
  names.length > 6 ? `${names.slice(0, 6).join(', ')} and ${names.length - 6} more` : names.join(', ');

/** What is asked before anything is done: it names what will be overwritten. */
export const questionOf = ({ putBacks, loads, manifest, others: found }: RestorePlan): string => {
  const isNew = ({ create, isRemade, isMissing }: PlannedPutBack): boolean =>
    (create !== undefined && !isRemade) || isMissing === true;
  const old = putBacks.filter((put) => !isNew(put)).map(({ name }) => name);
  const made = putBacks.filter(isNew).map(({ name }) => name);
  const what = [
    ...(old.length === 0 ? [] : [`overwrite ${listed(old)}`]),
    ...(made.length === 0 ? [] : [`make ${listed(made)}`]),
    ...(loads.length === 0 ? [] : [`replace ${listed(loads.map(({ database, path }) => database ?? path))}`]),
    ...(found.length === 0 ? [] : [`stop ${listed(found.map(({ name }) => name))} for it`]),
  ].join(', ');
  return `${what.charAt(0).toUpperCase()}${what.slice(1)} with the data of ${manifest.snapshot}?`;
};
