import { Fingerprint } from './fingerprint.ts';

/** How full the table may get before it grows. */
const load = 0.6;
const smallest = 1 << 12;

/** A set of 64-bit fingerprints in flat memory: 16 to 27 bytes for each, a million entries in under 30 MB. */
export class Seen {
  #slots = new Uint32Array(2 * smallest);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `low` and `high` are unsigned 32-bit numbers. */
  add(low: number, high: number): void {
    if (this.#size >= (this.#slots.length / 2) * load) this.#grow();
    if (place(this.#slots, nonZero(low), high)) this.#size++;
  }

  has(low: number, high: number): boolean {
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    const wanted = nonZero(low);
    for (let slot = high & mask; ; slot = (slot + 1) & mask) {
      const found = slots[2 * slot] as number;
      if (found === 0) return false;
      if (found === wanted && slots[2 * slot + 1] === high) return true;
    }
  }

  #grow(): void {
    const bigger = new Uint32Array(this.#slots.length * 2);
    for (let at = 0; at < this.#slots.length; at += 2) {
      const low = this.#slots[at] as number;
      if (low !== 0) place(bigger, low, this.#slots[at + 1] as number);
    }
    this.#slots = bigger;
  }
}

/** A set of paths, as fingerprints: under 30 bytes for each, whatever its length. */
export class PathSet {
  readonly #fingerprint = new Fingerprint();
  readonly #seen = new Seen();

  add(path: Uint8Array): void {
    this.#fingerprint.readPath(path);
    this.#seen.add(this.#fingerprint.low, this.#fingerprint.high);
  }

  has(path: Uint8Array): boolean {
    this.#fingerprint.readPath(path);
    return this.#seen.has(this.#fingerprint.low, this.#fingerprint.high);
  }
}

/** 0 marks an empty slot. */
const nonZero = (low: number): number => (low === 0 ? 1 : low);

/** False when it is there already. */
const place = (slots: Uint32Array, low: number, high: number): boolean => {
  const mask = slots.length / 2 - 1;
  for (let slot = high & mask; ; slot = (slot + 1) & mask) {
    const found = slots[2 * slot] as number;
    if (found === low && slots[2 * slot + 1] === high) return false;
    if (found !== 0) continue;
    slots[2 * slot] = low;
    slots[2 * slot + 1] = high;
    return true;
  }
};
