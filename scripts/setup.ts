/**
 * Makes this machine able to run the example stack and the tests: a Docker Engine that answers, Compose v2,
 * a few Debian packages the tests need, and the example's images. Says what it does before it does it;
 * where everything is in place it only asks and says nothing. Run through scripts/bootstrap.sh, which
 * takes the lock that keeps two set-ups apart.
 */
import { ensureTestPackages } from './setup/apt.ts';
import { ensureCompose } from './setup/compose.ts';
import { ensureEngine } from './setup/engine.ts';
import { ensureImages } from './setup/images.ts';
import { readMachine } from './setup/machine.ts';
import { SetupProblem, say } from './setup/say.ts';

const parts: Readonly<Record<string, (machine: Awaited<ReturnType<typeof readMachine>>) => Promise<void>>> = {
  packages: ensureTestPackages,
  engine: ensureEngine,
  compose: ensureCompose,
  images: ensureImages,
};

// `su` without `-` leaves these out, and dockerd is in one of them.
process.env.PATH = [process.env.PATH, '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(Boolean).join(':');

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(parts, name));

try {
  if (unknown.length > 0) {
    throw new SetupProblem(`unknown part: ${unknown.join(', ')}`, [
      `Parts are ${Object.keys(parts).join(', ')}.`,
    ]);
  }
  const machine = await readMachine();
  for (const [name, ensure] of Object.entries(parts)) {
    if (wanted.length === 0 || wanted.includes(name)) await ensure(machine);
  }
} catch (error) {
  if (!(error instanceof SetupProblem)) throw error;
  say(error.message);
  for (const step of error.steps) say(`  ${step}`);
  process.exitCode = 1;
}
