import { formatBytes, formatCount, plural } from '../../base/text/amount.ts';
import type { PageOptions } from '../../base/text/page.ts';
import { printable } from '../../base/text/printable.ts';
import { planBack } from '../../copy/back/back.ts';
import type { BackPlan, BackTarget, Change } from '../../copy/back/types.ts';
import { restoreToJson } from '../../plan/restore/json.ts';
import { renderRestore } from '../../plan/restore/render.ts';
import type { PlannedPutBack, RestorePlan } from '../../plan/restore/types.ts';
import { type Loading, planLoads } from '../../run/restore/loads.ts';
import { printable as printablePath } from '../../snapshot/entries/records.ts';
import { printJson, type Session } from '../session/session.ts';

/** What putting one mount back would change. */
interface Preview {
  readonly name: string;
  /** Undefined where nobody can look before: the volume is yet to be made, or is read through the engine only. */
  readonly counts: BackPlan | undefined;
}

/**
 * Compares what is there with the snapshot, mount by mount. Nothing is changed; while services run, what they
 * are writing counts as a change.
 */
const previews = async (
  { world }: Session,
  { putBacks, folder, devices }: RestorePlan,
  onChange: (name: string, change: Change) => void,
): Promise<readonly Preview[]> => {
  const found: Preview[] = [];
  for (const put of putBacks) {
    const target = targetOf(put);
    const counts =
      target === undefined
        ? undefined
        : await planBack({ folder, mount: put.mount }, target, {
            devices,
            signal: world.signal,
            ...(put.paths === undefined ? {} : { paths: put.paths }),
            onChange: (change) => onChange(put.name, change),
          });
    found.push({ name: put.name, counts });
  }
  return found;
};

const targetOf = ({ method, source, create, isMissing }: PlannedPutBack): BackTarget | undefined =>
  method === 'host' && create === undefined && !isMissing ? { kind: 'host', path: source } : undefined;

const letters = { created: '+', replaced: '~', removed: '-', metadata: 'm' } as const;

/** A line a change: what would become of an entry. */
const lineOf = (name: string, { kind, path, size, type }: Change): string => {
  const shown = path.length === 0 ? '.' : printablePath(path);
  const bytes = type === 'file' && kind !== 'metadata' ? `  ${formatBytes(size)}` : '';
  return `  ${letters[kind]} ${printable(name)}/${shown}${bytes}\n`;
};

const countsOf = ({ name, counts }: Preview): string => {
  if (counts === undefined) return `  ${printable(name)}: all of it, into a new or an unread volume\n`;
  const { created, replaced, removed, metadata, same, bytes } = counts;
  const changes = `${formatCount(created)} new, ${formatCount(replaced)} replaced, ${formatCount(removed)} removed, ${formatCount(metadata)} with another owner, mode or time`;
  return `  ${printable(name)}: ${changes}, ${formatCount(same)} as they are; ${formatBytes(bytes)} to write\n`;
};

const rows = (count: number | undefined): string => (count === undefined ? 'none' : formatCount(count));

/** Which rows there are now and which the dump has; without --verbose only tables that differ. */
const tablesOf = ({ source, preview }: Loading, isVerbose: boolean): string => {
  const { service, database = source.dump.path } = source.dump;
  const told = preview.tables.filter(({ now, dump }) => isVerbose || now !== dump);
  const lines = told.map(({ schema, table, now, dump }) => {
    const name = schema === undefined ? table : `${schema}.${table}`;
    return `    ${printable(name)}: ${rows(now)} rows now, ${rows(dump)} in the dump\n`;
  });
  const same = preview.tables.length - told.length;
  const rest = isVerbose || same === 0 ? '' : `    ${plural(same, 'table')} with as many rows as now\n`;
  return `  ${printable(`${service} ${database}`)}: all of it is replaced\n${lines.join('')}${rest}`;
};

/** The plan and what it would change; with --verbose entry by entry. */
export const tellPlan = async (session: Session, plan: RestorePlan, options: PageOptions): Promise<void> => {
  const { world } = session;
  const { flags, stdout } = world;
  const changes: { mount: string; kind: string; path: string; type: string; size: number }[] = [];
  if (!flags.json) {
    stdout.write(renderRestore(plan, options));
    if (plan.putBacks.length > 0) stdout.write('\nWould change, as it is now\n');
  }
  const { engine, info } = session;
  const tools = { engine, local: info.local, signal: world.signal };
  const isPossible = plan.loads.length > 0 && plan.refusals.length === 0;
  const loadings = isPossible ? await planLoads(tools, plan, 'dry_run') : [];
  if (!flags.json && isPossible) stdout.write('\nWould be loaded\n');
  const found = await previews(session, plan, (mount, change) => {
    if (!flags.verbose) return;
    const { kind, path, type, size } = change;
    if (flags.json) changes.push({ mount, kind, path: path.toString('base64'), type, size });
    else stdout.write(lineOf(mount, change));
  });
  if (flags.json)
    return printJson(world, {
      ...restoreToJson(plan),
      loadPreviews: loadings.map(({ source, preview: { tables } }) => ({ path: source.dump.path, tables })),
      previews: found.map(({ name, counts }) => ({ name, counts: counts ?? null })),
      ...(flags.verbose ? { changes } : {}),
    });
  for (const loading of loadings) stdout.write(tablesOf(loading, flags.verbose));
  for (const preview of found) stdout.write(countsOf(preview));
};
