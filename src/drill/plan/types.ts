import type { ManifestMount } from '../../snapshot/types.ts';
import type { SandboxMount } from '../model/types.ts';

/** Where a copy of the snapshot is put: a fresh volume, or a file in the scratch folder. */
export interface Restore {
  readonly mount: ManifestMount;
  readonly to: SandboxMount['from'];
}

/** A file of the scratch folder that the snapshot does not have. */
export interface ScratchFile {
  /** Absolute. */
  readonly path: string;
  /** A copy of a file of this host, or a text. */
  readonly from:
    | { readonly kind: 'host'; readonly path: string }
    | { readonly kind: 'text'; readonly text: string };
}

/** What the sandbox finds where, and where it comes from. */
export interface DataPlan {
  /** All that have to be made: also those that a copy goes into and no service has. */
  readonly volumes: readonly string[];
  readonly restores: readonly Restore[];
  /** Volumes that stay empty. */
  readonly empty: readonly string[];
  /** Volumes that a folder of this host is copied into: a read-only bind, which no snapshot has. */
  readonly folders: readonly { readonly volume: string; readonly path: string }[];
  readonly files: readonly ScratchFile[];
  readonly mounts: readonly SandboxMount[];
  /** What the drill could not do as the original does, for people. */
  readonly observations: readonly string[];
}

/** What stands at a path of this host: `system` and `large` are not copied for a drill. */
export type HostKind = 'file' | 'dir' | 'other' | 'missing' | 'system' | 'large';

export interface DataFacts {
  readonly project: string;
  /** Absolute path of the scratch folder. */
  readonly scratch: string;
  readonly mounts: readonly ManifestMount[];
  /** Names of the mounts whose copy is a single file. */
  readonly single: ReadonlySet<string>;
  /** The model is of this host, not of a snapshot that anybody may have written. */
  readonly isTrusted: boolean;
  /** Paths of this host that the model names; none when it is not to be trusted. */
  readonly host: ReadonlyMap<string, HostKind>;
  /** Names of mounts that are not put back: a database is loaded into them from its dump. */
  readonly blank: ReadonlySet<string>;
}
