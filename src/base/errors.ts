/** Every way the tool can fail; `cli.ts` maps each to an exit code. */
export type ErrorCode =
  | 'usage'
  | 'config-missing'
  | 'config-invalid'
  | 'instance-unknown'
  | 'env-missing'
  | 'compose-invalid'
  | 'tool-missing'
  | 'engine-unreachable'
  | 'engine-denied'
  | 'engine-too-old'
  | 'engine-failed'
  | 'backups-unusable'
  | 'space-short'
  | 'image-missing'
  | 'drill-failed'
  | 'locked'
  | 'hook-failed'
  | 'check-failed'
  | 'database-corrupt'
  | 'database-unsafe'
  | 'copy-failed'
  | 'stack-changed'
  | 'stop-failed'
  | 'services-down'
  | 'verify-failed'
  | 'snapshot-unknown'
  | 'path-unknown'
  | 'restore-refused'
  | 'restore-failed'
  | 'output-failed'
  | 'interrupted'
  | 'timeout'
  | 'internal';

/**
 * The one error of the tool. `message` says what is wrong, `next` is the one sentence that tells a
 * person what to do about it. `details` is serialisable and free of secrets.
 */
export class StackBackupError extends Error {
  override readonly name = 'StackBackupError';
  readonly code: ErrorCode;
  readonly next: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { next?: string; cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.next = options.next;
    this.details = options.details ?? {};
  }
}

/** The message of anything that was thrown. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

/** `thrown` as a StackBackupError; anything unexpected becomes `internal` and keeps its cause. */
export const asStackBackupError = (thrown: unknown): StackBackupError =>
  thrown instanceof StackBackupError
    ? thrown
    : new StackBackupError('internal', messageOf(thrown), {
        cause: thrown,
        next: 'This is a defect of stack-backup: please report it with the output of --verbose.',
      });

/** The `errno` name (`ENOENT`, `EACCES` …) of a system error, or undefined. */
export const errnoOf = (thrown: unknown): string | undefined =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
