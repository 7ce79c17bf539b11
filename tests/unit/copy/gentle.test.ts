import { describe, expect, it } from 'vitest';
import { run } from '../../../src/base/process.ts';
import { gentle } from '../../../src/copy/gentle.ts';

describe('what copies while services run', () => {
  it('is last in line for the disk and for the processors, and so are its children', async () => {
    const command = ['sh', '-c', 'sh -c "ionice -p \\$\\$; nice"'];
    const { exitCode, stdout } = await run(await gentle(command));
    const own = Number((await run(['nice'])).stdout.toString());
    const [io, priority] = stdout.toString().trim().split('\n');
    expect({ exitCode, io }).toEqual({ exitCode: 0, io: 'idle' });
    expect(Number(priority)).toBe(Math.min(19, own + 10));
  });
});
