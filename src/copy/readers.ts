import type { SnapshotReaders } from '../snapshot/verify.ts';
import { listArchive } from './archive/archive.ts';
import { extract } from './archive/extract.ts';
import { recordWalk } from './walk.ts';

/** How `verifySnapshot` reads trees and archives. */
export const readers: SnapshotReaders = { recordWalk, listArchive, extract };
