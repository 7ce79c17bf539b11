import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `.ts` from the sources, `.js` when built: the program lies beside this file in both. */
const program = fileURLToPath(new URL(`./process${extname(import.meta.url)}`, import.meta.url));

/** The command that works on one SQLite database: see process.ts for what it takes and answers. */
export const sqliteProcess = (flags: readonly string[] = []): readonly string[] => [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  ...flags,
  program,
];
