import { StackBackupError } from '../base/errors.ts';
import { run } from '../base/process.ts';

const prefix = ['ionice', '-c', '3', '-t', 'nice', '-n', '10'] as const;

let found: Promise<boolean> | undefined;

/** util-linux and coreutils have them everywhere; where they are missing the copy is made all the same. */
const isThere = async (): Promise<boolean> => {
  try {
    return (await run([...prefix, 'true'])).exitCode === 0;
  } catch (error) {
    if (error instanceof StackBackupError && error.code === 'tool-missing') return false;
    throw error;
  }
};

/**
 * The same command, last in line for the disk (where its scheduler knows such a thing) and for the processors:
 * for what is copied while services run, which come first.
 */
export const gentle = async (command: readonly string[]): Promise<readonly string[]> => {
  found ??= isThere();
  return (await found) ? [...prefix, ...command] : command;
};
