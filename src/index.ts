/**
 * The types of what stack-backup writes, for programs that read it: `manifest.json` of a snapshot, and the
 * lines of `--json`. The JSON Schemas beside them (`stack-backup/schemas/…`) are the contract.
 */
export type { ErrorCode } from './base/errors.ts';
export type { RunEvent, Warning } from './base/events.ts';
export type {
  Consistency,
  Manifest,
  ManifestContainer,
  ManifestDump,
  ManifestHook,
  ManifestMount,
  SnapshotType,
} from './snapshot/types.ts';
