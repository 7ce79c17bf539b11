import type { Warning } from '../../base/events.ts';
import type { Instance } from '../../config/types.ts';
import type { Measured, TreeSize } from '../../copy/types.ts';
import type { VolumeDetails } from '../../docker/engine.ts';
import type { Manifest, ManifestDump, ManifestMount } from '../../snapshot/types.ts';
import type { Mount, Stack, StackContainer } from '../../stack/types.ts';
import type { Declared } from '../../stack/volumes.ts';
import type { Experience } from '../backup.ts';
import type { BackupPlan } from '../types.ts';
import type { Reach } from './stops.ts';

/** What a person wants of a snapshot. */
export interface RestoreChoice {
  /** Only what these services use; none = whatever else is asked for. */
  readonly services: readonly string[];
  /** Only these volumes (full or short name) or binds (host path). */
  readonly volumes: readonly string[];
  /** Only these subtrees: relative to the one mount that is left, or a path in the container. */
  readonly paths: readonly string[];
  /** Load the dumps instead of putting files back. */
  readonly fromDump: boolean;
  readonly devices: boolean;
  readonly safety: boolean;
  /** Containers of other projects that use the same data are stopped, too. */
  readonly stopOthers: boolean;
}

/** Everything a plan is made from: what the snapshot has, and what is there now. */
export interface RestoreFacts {
  readonly instance: Instance;
  /** Absolute path of the snapshot. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** What is there; perhaps nothing at all. */
  readonly stack: Stack;
  /** The engine's paths are paths of this machine. */
  readonly local: boolean;
  /** Volumes of the engine, whoever's they are, by name: those that the snapshot names. */
  readonly volumes: ReadonlyMap<string, VolumeDetails>;
  /** What today's compose files say; undefined when they cannot be read. */
  readonly declared: Declared | undefined;
  /** Running containers of other projects that have anything mounted. */
  readonly others: readonly StackContainer[];
  /** Where lies what all these have mounted. */
  readonly reach: Reach;
  /** Host paths that can be written. */
  readonly writable: ReadonlySet<string>;
  /** Host paths of the snapshot's binds that are not there. */
  readonly missing: ReadonlySet<string>;
  /** The snapshot lies in the instance's own backups folder: nobody else has made it. */
  readonly isOwn: boolean;
}

/** A volume to make, as Compose would make it. */
export type VolumeSpec = Omit<VolumeDetails, 'mountpoint'>;

/** One mount that is put back. */
export interface PlannedPutBack {
  readonly mount: ManifestMount;
  readonly kind: 'volume' | 'bind';
  /** Volume or host path it is put back into: that of the snapshot, or what stands in its place today. */
  readonly name: string;
  /** Path on the engine's host; empty for a volume that is yet to be made. */
  readonly source: string;
  readonly method: 'host' | 'api';
  /** The volume is made: it is not there, or can only be filled when it is new. */
  readonly create?: VolumeSpec;
  /** A host path that is not there now. */
  readonly isMissing?: true;
  /** It is there, and removed before it is made anew. */
  readonly isRemade?: true;
  /** Through the engine it is emptied where it is, at `source` on the engine's host, and filled. */
  readonly isInPlace?: true;
  /** Subtrees that are put back instead of all. */
  readonly paths?: readonly Buffer[];
  /** What is there now, where it was measured. */
  readonly now?: TreeSize;
  readonly reason: string;
}

/** What dumps change: it is put back out of the safety snapshot when they cannot be loaded. */
export interface Guarded extends Pick<Mount, 'name' | 'kind' | 'source'> {
  /** `api`: in its place. */
  readonly method: 'host' | 'api';
}

/** Part of a snapshot that stays where it is. */
export interface LeftOut {
  readonly kind: string;
  readonly name: string;
  readonly reason: string;
}

/** Everything a restore will do, as data. Printing it is the dry run. */
export interface RestorePlan {
  readonly instance: Instance;
  readonly folder: string;
  readonly manifest: Manifest;
  readonly putBacks: readonly PlannedPutBack[];
  readonly leftOut: readonly LeftOut[];
  /** Dumps that are loaded. */
  readonly loads: readonly ManifestDump[];
  /** What they change: it is set back from the safety snapshot when they cannot be loaded. */
  readonly guarded: readonly Guarded[];
  /** What is stopped, and what of the present state is kept: the safety snapshot is a backup of its own. */
  readonly window: BackupPlan;
  /** Containers that had crashed where the snapshot has them running: they are started afterwards. */
  readonly revived: readonly string[];
  /** Containers of the stack that have to run while dumps are loaded. */
  readonly serving: readonly string[];
  /** Containers of other projects among those that are stopped. */
  readonly others: readonly { readonly name: string; readonly uses: string }[];
  readonly devices: boolean;
  readonly warnings: readonly Warning[];
  /** Why it must not be done; empty when nothing stands in its way. */
  readonly refusals: readonly string[];
}

/** What was measured and what is known from before, to plan the safety snapshot. */
export interface SafetyFacts {
  /** By mount name. */
  readonly sizes: ReadonlyMap<string, Measured>;
  readonly before: Experience | undefined;
}
