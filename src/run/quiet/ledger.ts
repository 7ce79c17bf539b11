import type { Need } from '../../stack/order.ts';
import type { JournalContainer } from '../journal.ts';

/** What has been done to one container so far, and when (clock ticks, ms). */
export interface LedgerEntry {
  readonly container: JournalContainer;
  /** The restart policy was set to `no`. */
  policyHeld: boolean;
  /** It had ended by itself before anything was asked of it: nothing is done to it, and nothing undone. */
  ended?: true;
  /** The stop or the freeze was asked for: from then on it has to be undone. */
  askedAt?: number;
  /** A call got no answer: it may have been carried out, or be carried out late. */
  unsure?: true;
  /** Nobody saw the stop end: no answer came (`lost`), or there was no more time for one (`late`). */
  unseen?: 'lost' | 'late';
  /** The stop or the freeze is complete. */
  quietAt?: number;
  /** Exit code after the stop. */
  exitCode?: number;
  /** `StartedAt` as it was when quiet: another value later means that somebody started it. */
  startedAt?: string;
  /** Nothing that is copied keeps it down any more; what it needs may. */
  freedAt?: number;
  /** It came back while others were still down. */
  early?: true;
  /** The start or the thaw was asked for. */
  startAskedAt?: number;
  /** It runs again. */
  backAt?: number;
  /** It serves again: healthy where it was healthy before, else running. */
  servingAt?: number;
  /** Why it could not be brought back. */
  down?: string;
  /** It is no more: trying again cannot bring it back. */
  gone?: true;
}

/** The book of a quiesce: what was done is written here before it is done, and undone from here. */
export type Ledger = ReadonlyMap<string, LedgerEntry>;

export const newLedger = (containers: readonly JournalContainer[]): Ledger =>
  new Map(containers.map((container) => [container.id, { container, policyHeld: false }]));

/** How long a container did not serve, in ms. 0 when nothing was done to it. */
export const downtimeOf = (entry: LedgerEntry | undefined, now: number): number =>
  entry?.askedAt === undefined ? 0 : Math.round((entry.servingAt ?? entry.backAt ?? now) - entry.askedAt);

/** How long it took one container to serve again, ms; 0 when it was not brought back. */
const backOf = ({ startAskedAt, backAt, servingAt }: LedgerEntry): number =>
  startAskedAt === undefined ? 0 : (servingAt ?? backAt ?? startAskedAt) - startAskedAt;

/**
 * How long bringing back took, ms, each after what it needs: the longest chain. When each was asked does not
 * matter. Undefined when nothing was brought back.
 */
export const backMsOf = (ledger: Ledger, needs: readonly Need[]): number | undefined => {
  if (![...ledger.values()].some(({ startAskedAt }) => startAskedAt !== undefined)) return undefined;
  const known = new Map<string, number>();
  const chain = (id: string): number => {
    const entry = ledger.get(id);
    if (entry === undefined) return 0;
    const before =
      known.get(id) ?? Math.max(0, ...needs.filter(({ from }) => from === id).map(({ to }) => chain(to)));
    known.set(id, before);
    return before + backOf(entry);
  };
  return Math.round(Math.max(...[...ledger.keys()].map(chain)));
};

/**
 * From the last container quiet until nothing keeps any of them down any more: the part of the downtime that
 * is ours. The first may have come back long before.
 */
export const windowOf = (ledger: Ledger): number => {
  const quieted = [...ledger.values()].filter((entry) => entry.quietAt !== undefined);
  const quiet = quieted.flatMap((entry) => entry.quietAt ?? []);
  const freed = quieted.flatMap((entry) => entry.freedAt ?? []);
  return quiet.length === 0 || freed.length === 0
    ? 0
    : Math.max(0, Math.round(Math.max(...freed) - Math.max(...quiet)));
};
