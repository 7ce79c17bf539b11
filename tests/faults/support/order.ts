/** What is done to a run at one of its boundaries. The words of the table in docs/reliability.md. */
export const faultKinds = [
  'error thrown',
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGKILL of the tool',
  'SIGKILL of tool and guardian, then `recover`',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** What a run under observation is told, as JSON in its environment. */
export interface Order {
  /** File that the run adds its boundaries to, a line each: `<ms since 1970> <boundary>`. */
  readonly trace: string;
  /** Names for container ids. */
  readonly names: Readonly<Record<string, string>>;
  /** Taken out of paths and other names, so that boundaries are called the same in every run of every stack. */
  readonly without: readonly string[];
  readonly fault?: { readonly kind: FaultKind; readonly at: string };
}

export const orderVariable = 'STACK_BACKUP_TEST_ORDER';

/** The line of the trace that says that the fault was done. */
export const faultMark = '! fault';
/** The line that says which process is the guardian. */
export const guardianMark = '! guardian';
