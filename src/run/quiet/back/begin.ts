import { setTimeout as pause } from 'node:timers/promises';
import type { Ledger, LedgerEntry } from '../ledger.ts';

/** How long services wait for a disk that is to hear that they come back, ms: it may hang. */
const noteMs = 500;

/** Whether there is anything to bring back of it. */
export const isTouched = (entry: LedgerEntry): boolean =>
  entry.askedAt !== undefined || entry.policyHeld || entry.unsure === true;

/**
 * Has `note` put on disk that the way back begins, and who has no part in it. Services wait no longer for that
 * than they may, and it is no reason to keep them down that it cannot be written.
 */
export const noteFirst = async (
  ledger: Ledger,
  note: ((untouched: readonly string[]) => Promise<void>) | undefined,
): Promise<void> => {
  if (note === undefined) return;
  const untouched = [...ledger].filter(([, entry]) => !isTouched(entry)).map(([id]) => id);
  const noted = note(untouched).catch(() => undefined);
  await Promise.race([noted, pause(noteMs, undefined, { ref: false })]);
};
