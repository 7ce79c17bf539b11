import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const memory = fileURLToPath(new URL('../../../src/base/memory.ts', import.meta.url));

/** Makes 200 MB of objects, a few MB of them alive at a time, and says how much room V8 ever took for young ones, in MB. */
const program = `
import { getHeapSpaceStatistics } from 'node:v8';
const alive = [];
let most = 0;
for (let at = 0; at < 1_000_000; at++) {
  alive[at % 20_000] = { at, big: BigInt(at), text: 'entry ' + at };
  if (at % 5_000 === 0)
    most = Math.max(most, getHeapSpaceStatistics().find((one) => one.space_name === 'new_space').space_size);
}
console.log(most / 1e6);`;

const heapOf = async (...before: readonly string[]) => {
  const args = ['--no-warnings', ...before, '--input-type=module', '--eval', program];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
  return { mb: Number(stdout), stderr };
};

describe('memory', () => {
  it('keeps the heap small, with flags that this V8 knows', async () => {
    const [as, kept] = [await heapOf(), await heapOf('--import', memory)];
    expect(kept.stderr).toBe('');
    expect(kept.mb).toBeLessThan(as.mb * 0.7);
  });
});
