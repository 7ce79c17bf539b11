import type { Clock } from '../../base/clock.ts';

/** Time that a recovery takes: what a drill does besides, to look at things, is not counted. */
export class Stopwatch {
  readonly #clock: Pick<Clock, 'tick'>;
  readonly #from: number;
  #paused = 0;

  constructor(clock: Pick<Clock, 'tick'>, from: number) {
    this.#clock = clock;
    this.#from = from;
  }

  get ms(): number {
    return Math.max(0, Math.round(this.#clock.tick() - this.#from - this.#paused));
  }

  /** Does this while the watch stands. */
  async beside<T>(work: () => Promise<T>): Promise<T> {
    const from = this.#clock.tick();
    try {
      return await work();
    } finally {
      this.#paused += this.#clock.tick() - from;
    }
  }
}
