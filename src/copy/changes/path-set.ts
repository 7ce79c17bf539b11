import { Fingerprint } from './fingerprint.ts';
import { Seen } from './seen.ts';

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
