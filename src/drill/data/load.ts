import { randomBytes } from 'node:crypto';
import { messageOf } from '../../base/errors.ts';
import { loadDump, planLoad, settleLoad, swapLoad } from '../../hooks/load/load.ts';
import type { LoadContext, LoadSource } from '../../hooks/load/types.ts';
import type { CheckResult } from '../../run/drill/record.ts';

/**
 * Loads one dump into a database service, or a file, that has nothing of it, or from which `prepare` takes what
 * it has. Counting its rows against the manifest is part of it.
 */
export const loadOne = async (
  context: LoadContext,
  source: LoadSource,
  prepare: () => Promise<void> = async () => undefined,
): Promise<CheckResult> => {
  const about = source.dump.path;
  try {
    await prepare();
    const { plan } = await planLoad(context, source, `drill_${randomBytes(4).toString('hex')}`);
    await loadDump(context, plan);
    await swapLoad(context, plan);
    await settleLoad(context, plan);
    return { kind: 'rows', about, ok: true, message: 'was loaded, with the rows it should have' };
  } catch (error) {
    if (context.signal.aborted) throw error;
    return { kind: 'rows', about, ok: false, message: messageOf(error) };
  }
};
