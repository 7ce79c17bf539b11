import { formatBytes, formatCount } from '../../base/text/amount.ts';
import { measure } from '../../copy/walk.ts';
import type { CheckResult } from '../../run/drill/record.ts';
import type { Restore } from '../plan/types.ts';

const size = (files: number, bytes: number): string => `${formatCount(files)} files, ${formatBytes(bytes)}`;

/** Number and bytes of the files of one copy, now that it is back, against what the manifest says of it. */
export const filesCheck = async (
  { mount }: Restore,
  path: string,
  signal: AbortSignal,
): Promise<CheckResult> => {
  const { files, bytes } = await measure(path, { signal });
  const ok = files === mount.files && bytes === mount.bytes;
  const found = size(files, bytes);
  const message = ok
    ? found
    : `${found} (${bytes} bytes); the snapshot had ${size(mount.files, mount.bytes)} (${mount.bytes} bytes)`;
  return { kind: 'files', about: mount.name, ok, message };
};
