import { StackBackupError } from '../base/errors.ts';
import type { Warning } from '../base/events.ts';
import { printable } from '../snapshot/entries/records.ts';
import type { CopyTask } from './types.ts';

/** What the comparison of a copy with its source noticed. */
export class Differences {
  readonly #task: CopyTask;
  readonly #live: boolean;
  readonly #warnings: Warning[] = [];
  timesCut = false;

  constructor(task: CopyTask, live: boolean) {
    this.#task = task;
    this.#live = live;
  }

  get warnings(): readonly Warning[] {
    const [first] = this.#warnings;
    if (first === undefined) return [];
    const more = this.#warnings.length > 1 ? ` (and ${this.#warnings.length - 1} more)` : '';
    return [{ ...first, message: first.message + more }];
  }

  /** A difference that should not be. One warning is told, however many there are. */
  found(path: Buffer, what: string): void {
    const message = `the copy of ${this.#task.name} is not like its source: ${printable(path) || '.'}: ${what}`;
    if (!this.#live)
      throw new StackBackupError('copy-failed', message, {
        next: 'Something wrote to the source or to the snapshot during the copy: find out what, then run again.',
      });
    if (this.#warnings.length < 1000)
      this.#warnings.push({ code: 'changed-during-copy', message, about: this.#task.name });
  }
}
