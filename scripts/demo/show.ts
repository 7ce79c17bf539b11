import { $, chalk } from 'zx';

/** Ends the demo with a message for people; `steps` say what to do, one a line. */
export class DemoProblem extends Error {
  readonly steps: readonly string[];

  constructor(message: string, steps: readonly string[] = []) {
    super(message);
    this.steps = steps;
  }
}

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

export const heading = (title: string): void => say(`\n${chalk.bold(`── ${title}`)}`);

/** 0: done; 3: done, with warnings that stand above. */
const good: ReadonlySet<number> = new Set([0, 3]);

const stay = (): void => undefined;

/**
 * Runs the tool from its sources on this terminal, after showing what one would type. Ctrl-C reaches it
 * too; it is waited for, because it first puts the services back.
 */
export const tool = async (...args: readonly string[]): Promise<void> => {
  say(chalk.dim(`$ stack-backup ${args.join(' ')}`));
  process.on('SIGINT', stay);
  const { exitCode } = await $({
    nothrow: true,
    stdio: 'inherit',
    detached: false,
  })`${process.execPath} src/cli.ts ${args}`;
  process.off('SIGINT', stay);
  if (!good.has(exitCode ?? 1)) {
    throw new DemoProblem(`stack-backup ${args.join(' ')} ended with exit code ${exitCode}`);
  }
};
