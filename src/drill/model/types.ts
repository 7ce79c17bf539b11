import type { Disguise } from './secrets.ts';

/** JSON that came from a file, a container or Compose: nothing about it is certain. */
export type Json = unknown;
export type Fields = Readonly<Record<string, Json>>;

/** Where a service of the sandbox finds data: always something the drill has made itself. */
export interface SandboxMount {
  readonly service: string;
  /** Absolute path in the container. */
  readonly destination: string;
  readonly writable: boolean;
  /** A volume of the drill, or a file in its scratch folder (absolute path). */
  readonly from:
    | { readonly kind: 'volume'; readonly name: string }
    | { readonly kind: 'file'; readonly path: string };
}

/** A service that takes part, and the image that it ran at the time of the snapshot. */
export interface SandboxService {
  readonly name: string;
  /** `sha256:…` */
  readonly imageId: string;
  /** Other names that it had in the original's networks: of its container, of links, of aliases. */
  readonly aliases: readonly string[];
}

export interface SandboxInput {
  /** Compose project of the sandbox. */
  readonly project: string;
  /** `key=value` that everything of the sandbox carries. */
  readonly label: { readonly key: string; readonly value: string };
  /** What Compose says of the original, or what a snapshot has of that; undefined when nobody knows. */
  readonly model: Json;
  readonly services: readonly SandboxService[];
  readonly mounts: readonly SandboxMount[];
  /** Values that are given to services instead of, or besides, the original's. */
  readonly environment: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Puts something else in the place of what is secret. */
  readonly disguise: Disguise;
}
