import { buffer } from 'node:stream/consumers';
import { patchFile } from './patch.ts';

/**
 * Patches files as a process of its own, which can be last in line for disk and processors. Its arguments are
 * the three folders; it reads the paths, each with a NUL at its end, and answers with a line of JSON for each.
 */
const [source = '', copy = '', target = ''] = process.argv.slice(2);
const list = await buffer(process.stdin);
for (let start = 0, end = list.indexOf(0); end !== -1; start = end + 1, end = list.indexOf(0, start)) {
  const patched = await patchFile({ source, copy, target }, list.subarray(start, end));
  process.stdout.write(`${JSON.stringify(patched ?? null)}\n`);
}
