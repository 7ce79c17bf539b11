import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * A wall clock that a test turns while a process of its own lives by it, as somebody's `date -s` would:
 * `Date` jumps, `performance.now` goes on. Loaded into the process before its first module (`node --import`);
 * the process itself is unchanged.
 */
const variable = 'STACK_BACKUP_TEST_CLOCK';

/** For the environment of a process: it lives by the clock in this file. */
export const livingBy = (file: string): Readonly<Record<string, string>> => ({
  [variable]: file,
  NODE_OPTIONS: `--import=${fileURLToPath(import.meta.url)}`,
});

/** Sets the clock in a file so many ms before or after the real time. */
export const turn = (file: string, ms: number): void => writeFileSync(file, String(ms));

const file = process.env[variable];
if (file !== undefined) {
  const RealDate = Date;
  const now = (): number => RealDate.now() + Number(readFileSync(file, 'utf8'));
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args: [], made) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, made),
    get: (target, key, self) => (key === 'now' ? now : Reflect.get(target, key, self)),
  });
}
