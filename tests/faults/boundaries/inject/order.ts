/** What is done at a boundary. The words of the table in docs/reliability.md. */
export type FaultKind =
  | 'error thrown'
  | 'SIGINT'
  | 'SIGTERM'
  | 'SIGHUP'
  | 'SIGKILL of the tool'
  | 'SIGKILL of tool and guardian, then `recover`'
  | 'SIGKILL of `recover`, then `recover` again';

export interface Fault {
  readonly kind: FaultKind;
  /** Name of the boundary. */
  readonly at: string;
}

/** What a run under observation is told, as JSON in its environment. */
export interface Order {
  /** File that the run adds its boundaries to, a line each: `<ms since 1970> <boundary>`. */
  readonly trace: string;
  /** Names for container ids. */
  readonly names: Readonly<Record<string, string>>;
  /** Taken out of paths and other names, so that boundaries are called the same in every run of every stack. */
  readonly without: readonly string[];
  readonly fault?: Fault;
}

export const orderVariable = 'STACK_BACKUP_TEST_ORDER';

/** The line of the trace that says that the fault was done. */
export const faultMark = '! fault';
/** The line that says which process is the guardian. */
export const guardianMark = '! guardian';
