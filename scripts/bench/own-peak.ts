/**
 * Plain JavaScript, because a Node that has to strip types first needs over 20 MB more. At the end of the
 * process it is loaded into it tells the most memory that the process itself ever held, threads included,
 * children not (proc(5), VmHWM), in kB on descriptor 4.
 */
const source = `
import { readFileSync, writeSync } from 'node:fs';
process.on('exit', () => {
  const status = readFileSync('/proc/self/status', 'latin1');
  writeSync(4, /^VmHWM:\\s+(\\d+) kB$/m.exec(status)?.[1] ?? '');
});`;

/** What `node --import` loads into the measured tool. */
export const ownPeak = `data:text/javascript,${encodeURIComponent(source)}`;
