/** One line of the set-up's own voice, on standard error so that it never mixes with a command's output. */
export const say = (line: string): void => {
  process.stderr.write(`setup: ${line}\n`);
};

/** Something only a person can put right; `steps` are the exact things to do, one a line. */
export class SetupProblem extends Error {
  readonly steps: readonly string[];

  constructor(message: string, steps: readonly string[]) {
    super(message);
    this.steps = steps;
  }
}
