import type { Warning } from '../base/events.ts';
import type { ContainerDetails } from '../docker/engine.ts';

/** A command that Compose would run around stop and start; we run it, because we stop by id. */
export interface LifecycleHook {
  readonly command: readonly string[];
  readonly user?: string;
  readonly privileged?: boolean;
  readonly workingDir?: string;
  /** `KEY=value` lines. */
  readonly environment?: readonly string[];
}

export interface StackContainer {
  readonly id: string;
  readonly name: string;
  /** Compose service; a container without that label stands under its own name. */
  readonly service: string;
  /** Replica number, from 1. */
  readonly number: number;
  /** A `compose run` container. */
  readonly oneOff: boolean;
  readonly details: ContainerDetails;
}

/** `from` needs `to`: it stops before it and starts after it. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly reason: 'depends_on' | 'network' | 'ipc' | 'pid' | 'volumes_from' | 'links';
  /** From depends_on: what has to hold of `to` before `from` may start. */
  readonly condition?: 'service_started' | 'service_healthy' | 'service_completed_successfully';
}

/** A mount with everybody who uses it; one per volume name or host path. */
export interface Mount {
  readonly kind: 'volume' | 'bind';
  /** Volume name, or the host path of a bind. */
  readonly name: string;
  /** Directory (or, for some binds, file) on the engine's host. */
  readonly source: string;
  /** No name given by a person: 64 hex digits. */
  readonly anonymous: boolean;
  /** Not of this project (`external: true`, or no Compose label). */
  readonly external: boolean;
  /**
   * Its bytes can be read under `source` from here, now and when its containers are stopped. Not so for a
   * remote engine, without the permission, and for volumes that the driver mounts only while they are used.
   */
  readonly onHost: boolean;
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly users: readonly {
    readonly container: string;
    readonly service: string;
    readonly destination: string;
    readonly writable: boolean;
  }[];
  /** Running containers of other projects that can write to it. */
  readonly strangers: readonly string[];
}

/** Something mounted that holds nothing to keep, and why. */
export interface SkippedMount {
  readonly kind: string;
  readonly name: string;
  readonly services: readonly string[];
  readonly reason: string;
}

/** What is really there, at one moment. Edges are between container ids. */
export interface Stack {
  readonly project: string;
  readonly containers: readonly StackContainer[];
  readonly edges: readonly Edge[];
  readonly mounts: readonly Mount[];
  readonly skipped: readonly SkippedMount[];
  readonly lifecycle: Readonly<
    Record<
      string,
      { readonly preStop: readonly LifecycleHook[]; readonly postStart: readonly LifecycleHook[] }
    >
  >;
  /** The resolved compose model with secrets redacted, when its files could be read. */
  readonly model: unknown;
  readonly composeFiles: readonly string[];
  readonly composeVersion: string | undefined;
  readonly warnings: readonly Warning[];
}
