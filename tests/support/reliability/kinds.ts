/** Every kind of fault that the suite does, in the words and the order of the table in docs/reliability.md. */
export const faultKinds = [
  'error thrown',
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGKILL of the tool',
  'SIGKILL of tool and guardian, then `recover`',
  'SIGKILL of `recover`, then `recover` again',
  'SIGKILL on the way back of a run that failed',
  'terminal closed',
  'engine restarted during the copy',
  'engine away at the end of the copy',
  'engine restarted while services are frozen',
  'engine with live-restore restarted',
  'engine killed while it sends the copy',
  'engine killed over a stop',
  'engine hangs for a while',
  'engine hangs beyond limits.max_downtime',
  'engine gone for good, then recover',
  'power loss, then recover at boot',
  'run and engine killed, guardian alive',
  'container hangs while it is stopping',
  'limits.max_downtime reached when some are back already',
  'backups disk full',
  'backups disk without inodes',
  'data or a dump larger than the free space',
  'no room for the history',
  'backups disk fails with EIO',
  'backups disk becomes read-only',
  'backups disk unmounted',
  'backups disk lost and the tool killed at once',
  'source disk fails with EIO',
  'hook deaf to TERM',
  'hook leaves a process with its output open',
  'clock turned back or forward, up to 300 days',
  'run started four times at once',
  'runs of two projects at once, in one backups folder',
  'stack restarted, recreated, taken down and up during the copy',
  'container removed, or put in the place of another, during the copy',
  'journal truncated, corrupted, of the future, of another engine',
  'restore: SIGKILL of the tool',
  'restore: SIGKILL of tool and guardian, then `recover`',
  'restore: SIGINT',
  'restore: disk fails with EIO',
  'restore: neither the old data nor the new can be had',
  'restore: engine restarted',
] as const;

export type FaultName = (typeof faultKinds)[number];

/** What is measured besides, and what it may be at most. */
export const limits = {
  'after the death of the tool, beyond the services’ own start': { most: 2_000, unit: 'ms' },
  'from the start of `recover`, beyond the services’ own start': { most: 1_000, unit: 'ms' },
  'memory of the guardian that stands by': { most: 60, unit: 'MB' },
} as const;

export type Measured = keyof typeof limits;
