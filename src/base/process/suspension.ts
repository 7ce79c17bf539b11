/**
 * Ctrl-Z would leave services down for as long as nobody thinks of `fg`: nobody is told, and the guardian sees
 * a process that is alive. Whoever may hold services down, or brings them back, calls this before it begins.
 * Disposing of it lets the signal through again, unless somebody else holds it off still.
 */
export const withoutSuspension = (): Disposable => {
  const ignore = (): void => undefined;
  process.on('SIGTSTP', ignore);
  return { [Symbol.dispose]: () => void process.off('SIGTSTP', ignore) };
};
