import type { Warning } from '../../base/events.ts';
import type { ManifestMount } from '../../snapshot/types.ts';
import type { VolumeSpec } from '../restore/types.ts';

/** A model as `docker compose config` prints it. */
export type Fields = Readonly<Record<string, unknown>>;

/** An image that a service ran, and how it can be had again. */
export interface KnownImage {
  /** `sha256:…` */
  readonly id: string;
  /** `repo@sha256:…` */
  readonly digests: readonly string[];
  /** As the service named it. */
  readonly name: string;
  /** It is on this engine. */
  readonly isHere: boolean;
  /** The service was at work when the snapshot was made. */
  readonly ran: boolean;
}

export interface IntoFacts {
  readonly project: string;
  /** Absolute path of the new stack's own folder. */
  readonly folder: string;
  /** Resolved for the new project's name. */
  readonly model: Fields;
  /** Of the snapshot. */
  readonly mounts: readonly ManifestMount[];
  readonly images: ReadonlyMap<string, KnownImage>;
}

/** Data of the snapshot, and what it is put back into. */
export interface IntoData {
  readonly mount: ManifestMount;
  /** A volume of the new project, or a path below its folder. */
  readonly to:
    | { readonly kind: 'volume'; readonly name: string }
    | { readonly kind: 'bind'; readonly path: string };
}

export interface IntoPlan {
  readonly project: string;
  readonly folder: string;
  /** What Compose is given. */
  readonly model: Fields;
  /** What is started: what ran, and what that needs. */
  readonly services: readonly string[];
  readonly volumes: readonly VolumeSpec[];
  readonly data: readonly IntoData[];
  /** What has to be fetched, by name or digest. */
  readonly pulls: readonly string[];
  /** Published on the host. */
  readonly ports: readonly Port[];
  /** What services mount of this machine besides: it has to be here. */
  readonly hostPaths: readonly string[];
  /** What it would have of this machine besides, in words. */
  readonly asks: readonly string[];
  readonly warnings: readonly Warning[];
}

export interface Port {
  readonly service: string;
  /** Empty: all addresses. */
  readonly address: string;
  readonly port: number;
  readonly protocol: string;
}
