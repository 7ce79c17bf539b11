import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** What a set-up that does something would change: packages, dependencies. */
const changed = () =>
  ['/var/lib/dpkg/status', 'node_modules/.stack-backup-lockfile'].map(
    (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs,
  );

describe('the set-up', () => {
  it('must say nothing and change nothing where everything is there', () => {
    const before = changed();
    // Not under its lock: another checkout may be set up at this moment.
    const env = { ...process.env, STACK_BACKUP_SETUP_LOCKED: '1' };
    const result = spawnSync('sh', ['scripts/bootstrap.sh'], { encoding: 'utf8', env });
    expect({ said: result.stdout + result.stderr, code: result.status }).toEqual({ said: '', code: 0 });
    expect(changed()).toEqual(before);
  });
});
