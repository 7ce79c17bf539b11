import { formatBytes, plural } from '../base/text/amount.ts';
import { printable } from '../base/text/printable.ts';
import type { ResolvedSnapshot } from '../catalog/reference.ts';
import { diffMount, type EntryChange } from '../snapshot/diff/entries.ts';
import {
  diffManifests,
  isCompared,
  type Pair,
  pairsOf,
  type ThingChange,
} from '../snapshot/diff/manifests.ts';
import { sumsOf } from '../snapshot/inside/sums.ts';
import { changeLine, shown } from './looking/lines.ts';
import { untilReaderGoes, write } from './looking/output.ts';
import { resolved } from './looking/resolved.ts';
import { exitCode } from './session/exit.ts';
import type { World } from './session/session.ts';

type Counts = Record<EntryChange['kind'], number> & { bytesAdded: number; bytesRemoved: number };

const bytesOf = (entry: EntryChange['after']): number => (entry?.type === 'file' ? entry.size : 0);

const jsonOf = (mount: string, { kind, path, before, after, what }: EntryChange): string =>
  `${JSON.stringify({
    thing: 'entry',
    mount,
    kind,
    path: path.toString('utf8'),
    ...(Buffer.from(path.toString('utf8')).equals(path) ? {} : { base64: path.toString('base64') }),
    type: (after ?? before)?.type,
    ...(before && { before: bytesOf(before) }),
    ...(after && { after: bytesOf(after) }),
    ...(what.length > 0 && { what }),
  })}\n`;

const summaryOf = (name: string, counts: Counts): string => {
  const words = [
    `${plural(counts.added, 'entry', 'entries')} added (${formatBytes(counts.bytesAdded)})`,
    `${counts.removed} removed (${formatBytes(counts.bytesRemoved)})`,
    `${counts.content} changed`,
    `${counts.metadata} with other metadata`,
  ];
  return `${printable(name)}: ${words.join(', ')}\n`;
};

/** Tells what is not the same in a mount; resolves with how much there is of it. */
const tellMount = async (
  world: World,
  [a, b]: readonly [ResolvedSnapshot, ResolvedSnapshot],
  { before, after }: Pair,
  isShown: boolean,
): Promise<number> => {
  const counts: Counts = { added: 0, removed: 0, content: 0, metadata: 0, bytesAdded: 0, bytesRemoved: 0 };
  const sides = [
    { folder: a.folder, mount: before },
    { folder: b.folder, mount: after },
  ] as const;
  for await (const batch of diffMount(...sides)) {
    world.signal.throwIfAborted();
    for (const { kind, before: was, after: is } of batch) {
      counts[kind]++;
      if (kind === 'added') counts.bytesAdded += bytesOf(is);
      if (kind === 'removed') counts.bytesRemoved += bytesOf(was);
    }
    if (world.flags.json) await write(world, batch.map((one) => jsonOf(after.name, one)).join(''));
    else if (isShown) await write(world, batch.map((one) => changeLine(one, b.manifest.timezone)).join(''));
  }
  const count = counts.added + counts.removed + counts.content + counts.metadata;
  if (count > 0 && !world.flags.json && !world.flags.quiet) await write(world, summaryOf(after.name, counts));
  return count;
};

const marks = { added: '+', removed: '-', changed: '~' } as const;

const tellThing = async (world: World, change: ThingChange): Promise<void> => {
  const { thing, kind, name, what } = change;
  if (world.flags.json) await write(world, `${JSON.stringify(change)}\n`);
  else if (!world.flags.quiet)
    await write(
      world,
      `${marks[kind]} ${thing} ${shown(Buffer.from(name))}${what ? `  ${printable(what)}` : ''}\n`,
    );
};

/**
 * `stack-backup diff <a> <b>`: what the second snapshot has that the first has not, and the other way round, from
 * indexes and manifests alone. Exit code 0 when there is no difference, 7 when there is one.
 */
export const diff = async (
  world: World,
  first: string,
  second: string,
  options: { readonly summary: boolean },
): Promise<number> => {
  const [a, b] = await resolved(world, [first, second]);
  if (a === undefined || b === undefined) return 0;
  return await untilReaderGoes(async () => {
    let count = 0;
    const isShown = !options.summary && !world.flags.quiet;
    for (const pair of pairsOf(a.manifest, b.manifest))
      count += await tellMount(world, [a, b], pair, isShown);
    const sums = {
      before: await sumsOf(a.folder, isCompared),
      after: await sumsOf(b.folder, isCompared),
    };
    const things = diffManifests(a.manifest, b.manifest, sums);
    for (const change of things) await tellThing(world, change);
    return count + things.length === 0 ? exitCode.done : exitCode.different;
  });
};
