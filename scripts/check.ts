/**
 * `npm run check`: types, lint, unused code and all unit tests, side by side. Shows what each that failed has
 * written, and fails when one did.
 */
import { join } from 'node:path';
import { $, cd } from 'zx';

cd(join(import.meta.dirname, '..'));

/**
 * Tests with random cases get a few of them (docs/development.md). Many tests start programs of ours: what Node makes
 * of their sources is made once, not for each.
 */
const NODE_COMPILE_CACHE = join(import.meta.dirname, '../node_modules/.cache/compiled');
const env = { ...process.env, CASES: 'few', NODE_COMPILE_CACHE };
// In the process group of the terminal: Ctrl-C is for all of them.
const quietly = $({ nothrow: true, quiet: true, preferLocal: true, detached: false, env });

const parts = {
  types: ['tsc', '--noEmit'],
  lint: ['biome', 'ci', '--error-on-warnings', '.'],
  unused: ['knip'],
  tests: ['vitest', 'run', '--project', 'unit', '--project', 'copying'],
};

const check = async (name: string, command: readonly string[]): Promise<boolean> => {
  const ended = await quietly`${command}`;
  const seconds = `${(ended.duration / 1000).toFixed(1)} s`;
  if (ended.ok) process.stdout.write(`check: ${name}: in order, ${seconds}\n`);
  else process.stderr.write(`${ended.stdall}\ncheck: ${name}: FAILED (${command.join(' ')}), ${seconds}\n`);
  return ended.ok;
};

const results = await Promise.all(Object.entries(parts).map(([name, command]) => check(name, command)));
process.exitCode = results.every(Boolean) ? 0 : 1;
