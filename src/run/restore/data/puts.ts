import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFileSystem } from '../../../base/disk.ts';
import { messageOf, StackBackupError } from '../../../base/errors.ts';
import { putBack } from '../../../copy/back/back.ts';
import type { BackTarget } from '../../../copy/back/types.ts';
import { entryAt } from '../../../snapshot/inside/list.ts';
import type { ManifestMount } from '../../../snapshot/types.ts';
import type { RunContext } from '../../context.ts';
import type { JournalPutBack } from '../../journal.ts';
import { holderMount, inHolder } from './in-place.ts';
import { lostOf } from './lost.ts';

/** A mount of a snapshot and where it goes: ready to be written. */
export interface Put {
  readonly mount: ManifestMount;
  readonly to: JournalPutBack;
}

/** All that is put back out of one snapshot. */
export interface PutWork {
  /** Helper containers carry it. */
  readonly run: string;
  /** Absolute path of the snapshot. */
  readonly folder: string;
  /** As `BackSource` has it. */
  readonly wholeSince?: bigint | undefined;
  readonly puts: readonly Put[];
  readonly devices: boolean;
  /** A snapshot that was just made of what is overwritten. */
  readonly known?: { readonly folder: string; readonly mounts: readonly ManifestMount[] };
}

const targetPath = (at: number): string => `/data/${at}`;

/** Only made where something goes through the engine. */
const makeHolder = async ({ engine }: RunContext, { run, puts }: PutWork): Promise<string | undefined> => {
  const through = puts.filter(({ to }) => to.method === 'api');
  if (through.length === 0) return undefined;
  return engine.createHolder({
    run,
    mounts: puts.flatMap(({ to }, at) => (to.method === 'api' ? [holderMount(to, targetPath(at))] : [])),
  });
};

const targetOf = async (
  { engine }: RunContext,
  to: JournalPutBack,
  holder: string | undefined,
  at: number,
): Promise<BackTarget> => {
  if (to.method === 'api' && holder !== undefined) {
    const path = targetPath(at);
    return to.inPlace
      ? { kind: 'api', engine, holder, path: inHolder(to, path), inParent: true }
      : { kind: 'api', engine, holder, path };
  }
  return { kind: 'host', path: to.source };
};

/** A bind that is gone: its folder, or a file to be replaced and the folder it lies in. */
export const makeMissing = async (folder: string, mount: ManifestMount, source: string): Promise<void> => {
  const root = await entryAt(folder, mount, Buffer.alloc(0));
  if (root?.type !== 'file') {
    await mkdir(source, { recursive: true });
    return;
  }
  await mkdir(dirname(source), { recursive: true });
  await writeFile(source, '', { flag: 'a', mode: 0o600 });
};

/** What was just kept of a target. */
const knownOf = ({ known }: PutWork, to: JournalPutBack) => {
  const mount = known?.mounts.find(({ kind, name }) => kind === to.kind && name === to.name);
  return known === undefined || mount === undefined ? {} : { known: { folder: known.folder, mount } };
};

const putOne = async (
  context: RunContext,
  work: PutWork,
  { mount, to }: Put,
  target: BackTarget,
): Promise<void> => {
  const { folder, wholeSince, devices } = work;
  const from = context.clock.tick();
  const about = { mount: to.name, bytes: mount.bytes, entries: mount.entries };
  context.emit({ type: 'copy-started', ...about });
  try {
    if (to.kind === 'bind' && to.created) await makeMissing(folder, mount, to.source);
    const result = await putBack({ folder, mount, wholeSince }, target, {
      devices,
      ...knownOf(work, to),
      signal: context.signal,
      onProgress: (bytes) => context.emit({ type: 'copy-progress', mount: to.name, bytes }),
      ...(to.paths === undefined ? {} : { paths: to.paths.map((path) => Buffer.from(path, 'base64')) }),
    });
    for (const warning of lostOf(to.name, target, result)) context.warn(warning);
    if (target.kind === 'host') await syncFileSystem(target.path, context.signal);
    const ms = Math.round(context.clock.tick() - from);
    const changed = result.created + result.replaced + result.removed + result.metadata;
    context.emit({ type: 'copy-finished', mount: to.name, bytes: result.bytes, entries: changed, ms });
  } catch (cause) {
    const next = cause instanceof StackBackupError ? cause.next : undefined;
    throw new StackBackupError('restore-failed', `${to.name} could not be put back: ${messageOf(cause)}`, {
      cause,
      ...(next === undefined ? {} : { next }),
    });
  }
};

/**
 * Puts mounts of a snapshot back, one after the other; each is read again as it was written, and flushed to its
 * disk. Rejects with `restore-failed`: then what is there is neither the old nor the new.
 */
export const putAll = async (context: RunContext, work: PutWork): Promise<void> => {
  const holder = await makeHolder(context, work);
  try {
    for (const [at, put] of work.puts.entries()) {
      context.signal.throwIfAborted();
      await putOne(context, work, put, await targetOf(context, put.to, holder, at));
    }
  } finally {
    if (holder !== undefined) await context.engine.removeHolders(work.run).catch(() => undefined);
  }
};
