import type { Duration } from '../../base/duration.ts';

/**
 * What a value has to be like when it is compared with the one in a snapshot: the same, or as numbers not less
 * or not more; or, at the snapshot too, a certain text, or one that a regular expression finds something in.
 */
export type Expectation =
  | { readonly is: 'same' | '>= snapshot' | '<= snapshot' }
  | { readonly is: 'equals'; readonly value: string }
  | { readonly is: 'matches'; readonly pattern: string };

interface CheckBase {
  /** Unique within the instance. */
  readonly name: string;
  readonly service: string;
  readonly expect: Expectation;
  readonly timeout: Duration;
  /** At a snapshot: `abort` fails the run; `warn` notes it and goes on. */
  readonly onFailure: 'abort' | 'warn';
}

export interface CommandCheck extends CheckBase {
  readonly kind: 'command';
  /** An argument list, run without a shell; a string is run by the container's `sh -c`. */
  readonly command: readonly string[] | string;
  readonly user?: string;
  readonly workingDir?: string;
}

export interface PostgresCheck extends CheckBase {
  readonly kind: 'postgres';
  readonly sql: string;
  /** Default: POSTGRES_DB of the container, else the user's. */
  readonly database?: string;
  /** Default: that of the service's postgres hook, else POSTGRES_USER, else `postgres`. */
  readonly user?: string;
}

export interface SqliteCheck extends CheckBase {
  readonly kind: 'sqlite';
  readonly sql: string;
  /** Absolute path in the container; it must lie in one of its mounts. */
  readonly path: string;
}

/** A question whose answer is kept with a snapshot, and asked again of what is made of it. */
export type Check = CommandCheck | PostgresCheck | SqliteCheck;

/** As in the file. */
export interface RawCheck {
  readonly name: string;
  readonly service: string;
  readonly command?: readonly string[] | string;
  readonly working_dir?: string;
  readonly sql?: string;
  readonly database?: string;
  readonly path?: string;
  readonly user?: string;
  readonly expect?:
    | 'same'
    | '>= snapshot'
    | '<= snapshot'
    | { readonly equals?: string; readonly matches?: string };
  readonly timeout?: string;
  readonly on_failure?: 'abort' | 'warn';
}
