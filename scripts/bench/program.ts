import { BenchProblem, say } from './say.ts';

const signalCode = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Runs a benchmark as a program: a signal aborts it and is its exit code once it has removed what it made; a
 * `BenchProblem` is told in words and is exit code 1. Anything else is a defect and is thrown.
 */
export const runBench = async (bench: (signal: AbortSignal) => Promise<void>): Promise<void> => {
  const interruption = new AbortController();
  for (const [name, code] of Object.entries(signalCode))
    process.on(name, () => {
      process.exitCode = code;
      interruption.abort(new BenchProblem('interrupted'));
    });
  try {
    await bench(interruption.signal);
  } catch (error) {
    if (!(error instanceof BenchProblem)) throw error;
    say(error.message);
    for (const step of error.steps) say(`  ${step}`);
    process.exitCode ??= 1;
  }
};
