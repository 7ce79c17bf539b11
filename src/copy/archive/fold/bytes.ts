import { createHash, type Hash, hash } from 'node:crypto';

/** Bytes one after the other, of which many lie side by side in memory already: those are one part. */
export class Parts {
  #parts: Buffer[] = [];

  add(part: Buffer): void {
    const last = this.#parts.at(-1);
    if (last?.buffer === part.buffer && last.byteOffset + last.length === part.byteOffset)
      this.#parts[this.#parts.length - 1] = Buffer.from(
        last.buffer,
        last.byteOffset,
        last.length + part.length,
      );
    else this.#parts.push(part);
  }

  take(): readonly Buffer[] {
    const taken = this.#parts;
    this.#parts = [];
    return taken;
  }
}

/** SHA-256 of one member. Most are small and come in one part: then one call is enough. */
export class ContentHash {
  #only: Buffer | undefined;
  #state: Hash | undefined;

  update(part: Buffer): void {
    if (this.#state !== undefined) this.#state.update(part);
    else if (this.#only === undefined) this.#only = part;
    else {
      this.settle();
      this.update(part);
    }
  }

  /** What it was given is not needed any more. */
  settle(): void {
    if (this.#only === undefined) return;
    this.#state = createHash('sha256').update(this.#only);
    this.#only = undefined;
  }

  digest(): string {
    return this.#state?.digest('hex') ?? hash('sha256', this.#only ?? nothing, 'hex');
  }
}

const nothing = Buffer.alloc(0);
