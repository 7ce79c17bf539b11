/**
 * Loaded into the measured tool (`node --import`): at its end it tells the most memory the process itself
 * ever held, threads included, children not (proc(5), VmHWM), in kB on descriptor 4.
 */
import { readFileSync, writeSync } from 'node:fs';

process.on('exit', () => {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '';
  writeSync(4, peak);
});
