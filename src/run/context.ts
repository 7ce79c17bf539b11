import type { Clock } from '../base/clock.ts';
import type { Emit, Warning } from '../base/events.ts';
import type { Engine } from '../docker/engine.ts';

/** What every step of a run is given. */
export interface RunContext {
  readonly engine: Engine;
  /** The engine's paths are this machine's paths. */
  readonly local: boolean;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Aborts when the run is interrupted. Steps that bring services back never look at it. */
  readonly signal: AbortSignal;
  /** Puts on disk that a container had ended by itself: a recovery must leave it so, too. */
  readonly noteEnded?: (id: string) => Promise<void>;
  /** Tells the journal that a container is back: a recovery leaves it alone. Nobody waits for it. */
  readonly noteBack?: (id: string) => void;
  /** Puts on disk that the way back begins before the work has come to its end, and who was not touched at all. */
  readonly noteReturn?: (untouched: readonly string[]) => Promise<void>;
  /** Told of a container the moment before it is stopped or frozen, when all that need it are down. */
  readonly lastLook?: (context: RunContext, id: string, action: 'stop' | 'pause') => Promise<void>;
  /** Adds to the run's warnings, and tells the listeners. */
  readonly warn: (warning: Warning) => void;
}
