import { formatDuration } from '../../base/duration.ts';
import { formatBytes, plural } from '../../base/text/amount.ts';
import { formatMoment } from '../../base/text/moment.ts';
import { bullet, fields, type PageOptions, page, section } from '../../base/text/page.ts';
import { printable } from '../../base/text/printable.ts';
import { type Cell, table } from '../../base/text/table.ts';
import type { Line, Segment } from '../../base/text/tone.ts';
import type { Consistency, Manifest, ManifestContainer, ManifestMount } from '../../snapshot/types.ts';
import { checks, rows } from './values.ts';

const outcome = ({ outcome: how, warnings }: Manifest): Segment => {
  if (how === 'complete') return { text: '✓ complete', tone: 'good' };
  const count = warnings.filter((warning) => warning.notice !== true).length;
  return { text: `! complete, ${plural(count, 'warning')}`, tone: 'warn' };
};

const tags = (manifest: Manifest): string =>
  Object.entries(manifest.tags)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');

const downtimeOf = ({ downtime }: Manifest): string =>
  downtime.maxMs > 0
    ? `${formatDuration(downtime.maxMs)} at most, ${formatDuration(downtime.windowMs)} for the copies`
    : 'none';

const head = (manifest: Manifest, path: string | undefined, width: number): readonly Line[] => {
  const { totals, engine, compose, tool, timezone } = manifest;
  const moment = (iso: string): string => formatMoment(iso, timezone);
  return fields(
    [
      ['path', path],
      ['instance', `${manifest.instance} (project ${manifest.project})`],
      ['type', manifest.type],
      ['tags', tags(manifest)],
      ['note', manifest.note],
      ['started', `${moment(manifest.started)} (${timezone})`],
      ['data as of', moment(manifest.consistent)],
      ['finished', moment(manifest.finished)],
      ['pinned until', manifest.pinnedUntil === undefined ? undefined : moment(manifest.pinnedUntil)],
      [
        'size',
        `${formatBytes(totals.bytes)} in ${plural(totals.files, 'file')}, ${plural(totals.entries, 'entry', 'entries')}`,
      ],
      ['downtime', downtimeOf(manifest)],
      ['engine', `Docker ${engine.version} (API ${engine.api}), ${engine.os}, on ${manifest.host}`],
      ['compose', compose.version ?? 'not at hand: labels alone'],
      ['written by', `stack-backup ${tool.version}, Node ${tool.node}`],
    ],
    width,
  );
};

const consistencyCell = (consistency: Consistency): Cell => ({
  text: consistency,
  tone: consistency === 'crash' ? 'warn' : 'plain',
});

const done = { stop: 'stopped', pause: 'frozen', none: 'left alone' } as const;

const serviceRow = (one: ManifestContainer): readonly Cell[] => [
  one.service,
  one.name,
  one.quiesced === 'none' ? `${done.none} (${one.stateBefore})` : done[one.quiesced],
  consistencyCell(one.consistency),
  one.downtimeMs > 0 ? formatDuration(one.downtimeMs) : '-',
  `${one.image}${one.exitCode === undefined ? '' : ` (exit ${one.exitCode})`}`,
];

const services = ({ containers }: Manifest, width: number): readonly Line[] =>
  table(
    containers.map(serviceRow),
    [{ max: 24 }, { max: 28 }, {}, {}, { align: 'right' }, { tone: 'quiet' }],
    { width, indent: 2 },
  );

const users = ({ users: all }: ManifestMount): string =>
  all.map((user) => `${user.service}:${user.destination}${user.writable ? '' : ' (read-only)'}`).join(', ');

const mountRow = (mount: ManifestMount): readonly Cell[] => [
  mount.name,
  formatBytes(mount.bytes),
  plural(mount.files, 'file'),
  consistencyCell(mount.consistency),
  [`${mount.form} ${mount.path}`, `used by ${users(mount)}`, ...savings(mount)].join(', '),
];

/** What of it is shared with an earlier snapshot, and what was copied while services were down. */
const savings = ({ base, shared, window }: ManifestMount): readonly string[] => [
  ...(shared === undefined || base === undefined ? [] : [`${formatBytes(shared.bytes)} shared with ${base}`]),
  ...(window === undefined ? [] : [`${formatBytes(window.bytes)} copied while down`]),
];

/** What the way of copying could not keep stands below the table: it is rare and matters. */
const losses = (manifest: Manifest, width: number): readonly Line[] =>
  manifest.mounts.flatMap(({ name, lost }) =>
    lost.length === 0 ? [] : bullet({ text: '!', tone: 'warn' }, `${name} lost ${lost.join(', ')}`, width),
  );

const mounts = (manifest: Manifest, width: number): readonly Line[] => [
  ...table(
    manifest.mounts.map(mountRow),
    [{ max: 32 }, { align: 'right' }, { align: 'right' }, {}, { tone: 'quiet' }],
    { width, indent: 2 },
  ),
  ...losses(manifest, width),
];

const dumps = (manifest: Manifest, width: number): readonly Line[] =>
  table(
    manifest.dumps.map(({ path, bytes, service, format, version }) => [
      path,
      formatBytes(bytes),
      `${format} of ${service}${version === undefined ? '' : ` (${version})`}`,
    ]),
    [{}, { align: 'right' }, { tone: 'quiet' }],
    { width, indent: 2 },
  );

const hooks = (manifest: Manifest, width: number): readonly Line[] =>
  table(
    manifest.hooks.map(({ ok, name, phase, ms, summary }) => [
      ok ? { text: '✓', tone: 'good' } : { text: '✗', tone: 'bad' },
      name,
      phase,
      formatDuration(ms),
      summary,
    ]),
    [{}, { max: 32 }, { tone: 'quiet' }, { align: 'right' }, {}],
    { width, indent: 2 },
  );

const skipped = (manifest: Manifest, width: number): readonly Line[] =>
  table(
    manifest.skipped.map(({ kind, name, services: of, reason }) => [
      name,
      kind,
      `${reason}${of.length === 0 ? '' : ` (${of.join(', ')})`}`,
    ]),
    [{ max: 32 }, {}, { tone: 'quiet' }],
    { width, indent: 2 },
  );

const warnings = (manifest: Manifest, width: number): readonly Line[] =>
  manifest.warnings.flatMap(({ notice, message }) =>
    bullet(notice === true ? { text: '·', tone: 'quiet' } : { text: '!', tone: 'warn' }, message, width),
  );

/** A snapshot's manifest as a page for people. Pure; ends with a line end. */
export const renderShow = (manifest: Manifest, options: PageOptions & { readonly path?: string }): string => {
  const { width, path } = options;
  return page(
    [
      [{ text: printable(manifest.snapshot), tone: 'strong' }, '  ', outcome(manifest)],
      ...head(manifest, path, width),
      ...section('Services', services(manifest, width)),
      ...section('Data', mounts(manifest, width)),
      ...section('Dumps', dumps(manifest, width)),
      ...section('Rows', rows(manifest, width)),
      ...section('Checks', checks(manifest, width)),
      ...section('Hooks', hooks(manifest, width)),
      ...section('Left out', skipped(manifest, width)),
      ...section('Warnings', warnings(manifest, width)),
    ],
    options,
  );
};
