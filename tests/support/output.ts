import { Writable } from 'node:stream';

/** A stream that keeps what is written to it, and passes for a terminal where `columns` are given. */
export class Kept extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly columns: number;
  readonly rows = 50;

  constructor(columns?: number, highWaterMark = 16_384) {
    super({ decodeStrings: false, highWaterMark });
    this.isTTY = columns !== undefined;
    this.columns = columns ?? 0;
  }

  override _write(chunk: string | Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.text += String(chunk);
    done();
  }

  get lines(): readonly string[] {
    return this.text === '' ? [] : this.text.replace(/\n$/, '').split('\n');
  }
}

/** A stream whose reader has gone away: every write fails, as with EPIPE. */
export class Gone extends Kept {
  override _write(_chunk: unknown, _encoding: string, done: (error?: Error) => void): void {
    done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  }
}

/** A stream whose reader takes nothing until `release`. */
export class Slow extends Kept {
  #taken: (() => void) | undefined;

  constructor() {
    super(undefined, 1);
  }

  override _write(chunk: string | Buffer, _encoding: string, done: () => void): void {
    this.text += String(chunk);
    if (this.#taken === undefined) this.#taken = done;
    else done();
  }

  release(): void {
    this.#taken?.();
  }
}
