import { join } from 'node:path';
import { freeSpace } from '../../base/disk.ts';
import { StackBackupError } from '../../base/errors.ts';
import { formatBytes, formatCount } from '../../base/text/amount.ts';
import { measure } from '../../copy/walk.ts';
import type { PlannedPutBack, RestorePlan } from '../../plan/restore/types.ts';

/** What a mount takes beyond what it has now. The largest file stands there twice for a moment: that is left to try. */
const growthOf = async ({ mount, now }: PlannedPutBack, folder: string, free: number) => {
  const least = now?.allocated ?? 0;
  const isDoubtful = mount.form === 'tree' && mount.bytes - least > free;
  // Files with holes take less than their size: worth a walk before anybody is refused for it.
  const bytes = isDoubtful ? (await measure(join(folder, mount.path))).allocated : mount.bytes;
  return {
    bytes: Math.max(0, bytes - least),
    inodes: Math.max(0, mount.entries - (now?.entries ?? 0)),
  };
};

const short = (where: string, has: string, needs: string): StackBackupError =>
  new StackBackupError('space-short', `${where} has ${has} free; what is put back needs about ${needs}`, {
    next: 'Free some space there, or restore less of the snapshot (--volume, --service, --path).',
  });

/**
 * Enough bytes and inodes where data is put back, as far as they can be seen from here. Rejects with
 * `space-short`. What is put back in part, through the engine, or into a volume that is yet to be made, is tried, and rolled back
 * when it does not fit.
 */
export const assertRoom = async (plan: RestorePlan): Promise<void> => {
  const whole = plan.putBacks.filter(
    ({ source, paths, method }) => method === 'host' && source !== '' && paths === undefined,
  );
  const disks = new Map<number, { where: string; bytes: number; inodes: number }>();
  for (const put of whole) {
    const { device, bytes: free } = await freeSpace(put.source);
    const { bytes, inodes } = await growthOf(put, plan.folder, free);
    const disk = disks.get(device) ?? { where: put.source, bytes: 0, inodes: 0 };
    disks.set(device, { ...disk, bytes: disk.bytes + bytes, inodes: disk.inodes + inodes });
  }
  for (const { where, bytes, inodes } of disks.values()) {
    const free = await freeSpace(where);
    if (free.bytes < bytes) throw short(where, formatBytes(free.bytes), formatBytes(bytes));
    if (free.inodes < inodes)
      throw short(where, `${formatCount(free.inodes)} inodes`, `${formatCount(inodes)} inodes`);
  }
};
