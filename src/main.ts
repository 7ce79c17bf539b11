#!/usr/bin/env node
/**
 * The installed program. It imports nothing before it knows that Node.js is new enough: an older one would
 * stop at the first import with a SyntaxError that tells nobody what to do.
 */
const oldest = 24;
const major = Number(process.versions.node.split('.')[0]);

/**
 * Compiled once, not at every start. Beside the program, because whoever may write there may change the
 * program itself; a folder that others can write to could make this run what they like.
 */
const keepCompiled = async (): Promise<void> => {
  const [{ enableCompileCache }, { join }] = await Promise.all([import('node:module'), import('node:path')]);
  enableCompileCache(join(import.meta.dirname, '.compiled'));
};

if (major >= oldest) {
  await keepCompiled();
  await import('./cli.ts');
} else {
  process.stderr.write(`stack-backup needs Node.js ${oldest} or newer; this is ${process.version}\n`);
  process.stderr.write(
    '  Install a newer Node.js, or run stack-backup with one: /path/to/node24 $(which stack-backup)\n',
  );
  process.exitCode = 2;
}
