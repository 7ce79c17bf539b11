/**
 * `npm run demo`: starts the example stack and lets the tool work on it, step by step, on this terminal.
 * `npm run demo -- --down` removes the stack again.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { $, cd } from 'zx';
import { checkInvariant, holds, invariantTable } from '../examples/core/invariant.ts';
import { DemoProblem, heading, say, tool } from './demo/show.ts';
import { bringUp, countOrders, showContainers, takeDown } from './demo/stack.ts';

const backups = 'backups';
const removeHint = 'npm run demo -- --down';

/** Name of the newest snapshot of `core`: the names sort by time. */
const newestSnapshot = async (): Promise<string> => {
  const names = (await readdir(backups)).filter((name) => /^core-\d{8}-\d{6}/.test(name)).sort();
  const newest = names.at(-1);
  if (newest === undefined) throw new DemoProblem(`there is no snapshot of core in ${backups}/`);
  return newest;
};

/** `sha256sum -c` as anybody could run it, of which only the sum is shown. */
const checkSums = async (snapshot: string): Promise<void> => {
  say(`$ cd ${snapshot} && sha256sum -c SHA256SUMS`);
  const checked = await $({ quiet: true, nothrow: true, cwd: snapshot })`sha256sum -c SHA256SUMS`;
  const lines = checked.stdout.trimEnd().split('\n');
  const bad = lines.filter((line) => !line.endsWith(': OK'));
  if (checked.exitCode !== 0 || bad.length > 0) {
    process.stderr.write(`${bad.join('\n')}\n${checked.stderr}`);
    throw new DemoProblem('sha256sum found differences; they stand above');
  }
  say(`${lines.length} files OK`);
};

const showInvariant = async (snapshot: string): Promise<void> => {
  say('Copies of the databases are opened, and the orders in them compared.');
  const invariant = await checkInvariant(snapshot);
  say(invariantTable(invariant));
  if (!holds(invariant)) throw new DemoProblem('the snapshot is torn');
};

const demo = async (): Promise<void> => {
  heading('The stack: PostgreSQL, Redis, a shop with SQLite and uploads, workers, a proxy');
  await bringUp();
  await showContainers();

  heading('What a backup would do');
  await tool('plan', 'core');

  heading('The backup');
  await tool('core');

  heading('The stack afterwards: what ran runs, what was stopped is stopped');
  await showContainers();
  say(`${await countOrders()} orders by now`);

  const name = await newestSnapshot();
  const snapshot = join(backups, name);
  heading('The snapshots there are');
  await tool('list');
  heading('What is in this one');
  await tool('show', name);
  heading('Verified by the tool');
  await tool('verify', name);
  heading('Verified without it');
  await checkSums(snapshot);
  heading('Not torn: every order is in PostgreSQL, Redis, SQLite and the uploads');
  await showInvariant(snapshot);

  heading('Drilled: put back into a closed sandbox, started there, checked, removed again');
  await tool('drill', 'core');

  heading('Done');
  say(`The snapshot is ${snapshot}/. The stack is still running; remove it with:`);
  say(`  ${removeHint}`);
};

const down = async (): Promise<void> => {
  await takeDown();
  say(`The example stack is gone: containers, volumes, uploads. Its snapshots in ${backups}/ are kept.`);
};

const steps: Readonly<Record<string, () => Promise<void>>> = { '': demo, '--down': down };

cd(join(import.meta.dirname, '..'));
try {
  const step = steps[process.argv.slice(2).join(' ')];
  if (step === undefined) throw new DemoProblem('unknown arguments', ['npm run demo', removeHint]);
  await step();
} catch (error) {
  if (!(error instanceof DemoProblem)) throw error;
  process.stderr.write(`\ndemo: ${error.message}\n`);
  for (const line of error.steps) process.stderr.write(`  ${line}\n`);
  process.exitCode = 1;
}
