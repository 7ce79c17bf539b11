import { plural } from '../../base/text/amount.ts';
import { printable } from '../../base/text/printable.ts';
import type { World } from './session.ts';

/** Whoever asked for the newest snapshot, and gets an older one, has to know it. */
export const tellOfUnreadable = (world: World, names: readonly string[]): void => {
  if (names.length === 0) return;
  const what = plural(names.length, 'newer snapshot has', 'newer snapshots have');
  world.stderr.write(
    `stack-backup: ${what} a manifest that cannot be read: ${printable(names.join(', '))}\n  \`stack-backup verify\` says what is wrong.\n`,
  );
};
