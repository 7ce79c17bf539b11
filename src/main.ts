#!/usr/bin/env node
/**
 * The installed program. It imports nothing before it knows that Node.js is new enough: an older one would
 * stop at the first import with a SyntaxError that tells nobody what to do.
 */
const oldest = 24;
const major = Number(process.versions.node.split('.')[0]);

if (major >= oldest) await import('./cli.ts');
else {
  process.stderr.write(`stack-backup needs Node.js ${oldest} or newer; this is ${process.version}\n`);
  process.stderr.write(
    '  Install a newer Node.js, or run stack-backup with one: /path/to/node24 $(which stack-backup)\n',
  );
  process.exitCode = 2;
}
