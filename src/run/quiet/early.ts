import type { Holds } from '../../plan/mounts/holds.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import type { WhenBack } from './start.ts';

/** Told how far the work is; lets containers come back one by one. */
export interface Release {
  /** Nothing but copies is still to be made: what they do not keep down may come back. */
  copying(): void;
  /** A mount is copied. */
  copied(mount: string): void;
  /** How many containers wait for the copy of a mount. */
  waiting(mount: string): number;
}

/** While other mounts are still being copied, or when all is over. */
type Moment = 'early' | 'end';

export interface Gates extends Release {
  /** Resolves when no copy keeps this container down any more. */
  pass(id: string): Promise<Moment>;
  /** Everybody may come back, whatever became of the copies. */
  openAll(): void;
  /** Resolves when everybody may. */
  readonly over: Promise<void>;
}

/** A gate for each container of the ledger. Without `holds` all of them open at the end. */
export const gatesOf = (ledger: Ledger, holds: Holds | undefined, tick: () => number): Gates => {
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const opened = new Map([...ledger.keys()].map((id) => [id, Promise.withResolvers<Moment>()]));
  const held = new Map([...(holds?.of ?? [])].map(([id, mounts]) => [id, new Set(mounts)]));
  const left = new Set(holds?.waiting.keys());
  const open = (entry: LedgerEntry, moment: Moment): void => {
    entry.freedAt ??= tick();
    opened.get(entry.container.id)?.resolve(moment);
  };
  let isCopying = false;
  const openFree = (): void => {
    // With the last copy the end has come, and somebody looks first whether all was well.
    if (!isCopying || left.size === 0) return;
    for (const entry of ledger.values()) if (held.get(entry.container.id)?.size === 0) open(entry, 'early');
  };
  return {
    over,
    pass: (id) => opened.get(id)?.promise ?? Promise.resolve('end'),
    waiting: (mount) => holds?.waiting.get(mount) ?? 0,
    copying: () => {
      isCopying = true;
      openFree();
    },
    copied: (mount) => {
      left.delete(mount);
      for (const mounts of held.values()) mounts.delete(mount);
      openFree();
    },
    openAll: () => {
      for (const entry of ledger.values()) open(entry, 'end');
      end();
    },
  };
};

/** What is done before a container comes back while others are still down. */
export interface Before {
  /** Rejects when somebody else had a hand in it: then it waits for the end. */
  readonly look: (entry: LedgerEntry) => Promise<void>;
  /** Once, before the first of them; when it rejects, all wait for the end. */
  readonly begin: () => Promise<void>;
  /** The last one may come back: no copy keeps anybody down any more. */
  readonly onAllFree: () => void;
}

/** Lets each container through its gate, and says what went wrong on the way: `failures` fills up. */
export const throughGates = (
  ledger: Ledger,
  gates: Gates,
  { look, begin, onAllFree }: Before,
): { readonly mayReturn: WhenBack['mayReturn']; readonly failures: readonly unknown[] } => {
  const failures: unknown[] = [];
  const down = new Set([...ledger.values()].filter(({ quietAt }) => quietAt !== undefined));
  let begun: Promise<void> | undefined;
  const early = async (entry: LedgerEntry): Promise<void> => {
    try {
      await look(entry);
      begun ??= begin();
      await begun;
      entry.early = true;
    } catch (error) {
      failures.push(error);
      await gates.over;
    }
  };
  const mayReturn = async (id: string): Promise<void> => {
    const entry = ledger.get(id);
    if ((await gates.pass(id)) === 'end' || entry === undefined) return;
    // A disk or an engine that hangs keeps nobody down when the work is over.
    await Promise.race([early(entry), gates.over]);
    down.delete(entry);
    if (down.size === 0) onAllFree();
  };
  return { mayReturn, failures };
};
