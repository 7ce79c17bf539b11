import type { Command } from 'commander';
import type { World } from '../commands/session/session.ts';

/** The flags that every command knows, as commander gives them. */
export interface RawFlags {
  readonly config?: string;
  readonly backups?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly color?: boolean;
}

/**
 * Runs a command in the world that its flags describe, and keeps its exit code for the end of the program. What
 * `tells` of what it does need not be heard; what it `shows` is waited for until its reader has taken all of it.
 */
export type Ended = (
  flags: RawFlags,
  work: (world: World) => Promise<number>,
  kind?: 'shows' | 'tells',
) => Promise<void>;

/**
 * Adds one command (or a group that shares its flags) to the program. What does the work is imported in the
 * action, within `ended`: a command loads its own modules and no other's.
 */
export type Verb = (program: Command, ended: Ended) => void;
