/**
 * Ctrl-Z would leave services down for as long as nobody thinks of `fg`: nobody is told, and the guardian sees
 * a process that is alive. A command that may hold services down calls this before it begins.
 */
export const withoutSuspension = (): void => void process.on('SIGTSTP', () => undefined);
