import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { type RunResult, run } from '../../../base/process.ts';
import { keepAttributes } from '../../changes/attributes.ts';
import { complaint } from '../../walk.ts';
import { archiveEnd } from '../place/headers.ts';
import { stuck } from '../trouble.ts';

/** One GNU tar that unpacks what it is handed into a folder; the first parts of each name are left out. */
export class Unpacking {
  readonly #name: string;
  readonly #input = new PassThrough({ highWaterMark: 1024 * 1024 });
  readonly #done: Promise<RunResult>;
  readonly #over = new AbortController();

  constructor(folder: string, name: string, signal: AbortSignal | undefined, strip = 1) {
    this.#name = name;
    this.#input.on('error', () => undefined); // tar ended early: its complaint says why
    this.#done = run(
      [
        ...['tar', '-x', '-f', '-', `--strip-components=${strip}`, '-p', '--same-owner', '--numeric-owner'],
        ...keepAttributes,
        '--warning=no-timestamp',
      ],
      { cwd: folder, env: { LC_ALL: 'C' }, input: this.#input, ...(signal && { signal }) },
    );
    this.#done.catch(() => undefined).finally(() => this.#over.abort());
  }

  /** Waits while tar is behind. */
  async write(bytes: Buffer): Promise<void> {
    if (this.#over.signal.aborted || this.#input.write(bytes)) return;
    await once(this.#input, 'drain', { signal: this.#over.signal }).catch(() => undefined);
  }

  async end(): Promise<void> {
    this.#input.end(archiveEnd);
    const why = complaint(await this.#done);
    if (why !== undefined) throw stuck(this.#name, why);
  }

  /** Lets go of it when something else failed. */
  async giveUp(): Promise<void> {
    this.#input.destroy();
    await this.#done.catch(() => undefined);
  }
}
