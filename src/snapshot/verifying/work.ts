import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive, ownIdentity } from '../../base/clock.ts';
import { removeTree } from '../../base/disk.ts';

const prefix = 'stack-backup-verify-';

/** `stack-backup-verify-<pid>.<start time>.<boot>-<random>`: who made it, so that a killed one is found. */
const ownPrefix = (): string => {
  const { pid, startTime, bootId } = ownIdentity();
  return `${prefix}${pid}.${startTime}.${bootId.replaceAll('-', '')}-`;
};

const isOfDead = (name: string): boolean => {
  const [, pid, startTime, boot = ''] = /^stack-backup-verify-(\d+)\.(\d+)\.([0-9a-f]{32})-/.exec(name) ?? [];
  if (pid === undefined || startTime === undefined) return false;
  const bootId = boot.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return !isAlive({ pid: Number(pid), startTime, bootId });
};

/** Scratch folders of killed ones hold copies of databases: whoever comes next removes them. */
const removeDead = async (): Promise<void> => {
  const names = await readdir(tmpdir()).catch(() => []);
  for (const name of names.filter(isOfDead)) await removeTree(join(tmpdir(), name)).catch(() => undefined);
};

/** A folder for the owner alone, in TMPDIR; disposing of it removes it. */
export const scratchFolder = async (): Promise<AsyncDisposable & { readonly path: string }> => {
  await removeDead();
  const path = await mkdtemp(join(tmpdir(), ownPrefix()));
  return { path, [Symbol.asyncDispose]: () => removeTree(path) };
};
