/** Ends the benchmark with a message for people; `steps` say what to do, one a line. */
export class BenchProblem extends Error {
  readonly steps: readonly string[];

  constructor(message: string, steps: readonly string[] = []) {
    super(message);
    this.steps = steps;
  }
}

/** What goes on, on stderr: stdout is for the tables alone. */
export const say = (line: string): void => void process.stderr.write(`bench: ${line}\n`);
