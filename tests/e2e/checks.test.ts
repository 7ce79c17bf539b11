import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leftoversIn, manifestOf, newestManifest, snapshotsIn, writeConfig } from '../support/backups.ts';
import { runTool, type ScratchStack, scratchStack } from '../support/scratch.ts';

const secret = 'a-secret-of-this-test';
const idle = 'trap "exit 0" TERM; sleep infinity & wait';

/** One that is stopped, one that is frozen, one that runs on; and one that was never started. */
const yaml = `
x-idle: &idle
  image: debian:bookworm-slim
  environment: { API_TOKEN: ${secret} }
  command: [sh, -c, '${idle}']
services:
  stopped: { <<: *idle, volumes: ['data:/data'] }
  frozen: { <<: *idle }
  busy: { <<: *idle }
  absent: { <<: *idle, profiles: [never] }
volumes: { data: {} }
`;

/** A busy machine may take its time; what is too slow on purpose says so itself. */
const patient = { timeout: '60s' };

const checks = [
  { name: 'stopped', service: 'stopped', command: ['sh', '-c', 'echo 1; echo 2 >&2'] },
  { name: 'frozen', service: 'frozen', command: 'echo $HOSTNAME | wc -l' },
  { name: 'busy', service: 'busy', command: ['cat', '/etc/hostname'], expect: { matches: '^[0-9a-f]{12}$' } },
  { name: 'secret', service: 'stopped', command: 'echo "<$API_TOKEN>"' },
  { name: 'wrong', service: 'stopped', command: ['echo', 'yes'], expect: { equals: 'no' } },
  { name: 'failing', service: 'busy', command: 'echo "$API_TOKEN" >&2; exit 3' },
  { name: 'hanging', service: 'stopped', command: ['sleep', '600'], timeout: '300ms' },
  { name: 'talking', service: 'busy', command: ['seq', '5000'] },
  { name: 'absent', service: 'absent', command: ['true'] },
  { name: 'no-file', service: 'stopped', path: '/data/x.db', sql: 'SELECT 1' },
].map((check) => ({ ...patient, ...check }));

describe('checks of a backup', () => {
  let stack: ScratchStack;
  const instance = {
    services: { frozen: { quiesce: 'pause' }, busy: { quiesce: 'none' } },
    checks,
  };
  beforeAll(async () => {
    stack = await scratchStack(yaml);
    await stack.up();
  });
  afterAll(() => stack?.down());

  it('must stand in the manifest: values where there are some, else the reason; never a secret', async () => {
    await writeConfig(stack.folder, { shop: { project: stack.project, ...instance } });
    const before = await stack.ps();
    const ended = await runTool(['shop'], { cwd: stack.folder });
    expect({ exitCode: ended.exitCode, stderr: ended.stderr }).toMatchObject({ exitCode: 3 });
    const backups = join(stack.folder, 'backups');
    const manifest = await newestManifest(backups);
    const found = new Map(manifest.checks?.map((one) => [one.name, one]));
    expect([...found.keys()]).toEqual(checks.map(({ name }) => name));
    expect(found.get('stopped')).toMatchObject({ ok: true, value: '1', exact: true });
    expect(found.get('frozen')).toMatchObject({ ok: true, value: '1', exact: false });
    expect(found.get('busy')).toMatchObject({ ok: true, exact: false });
    expect(found.get('secret')).toMatchObject({ ok: true, value: '<***>' });
    expect(found.get('wrong')).toMatchObject({ ok: false, value: 'yes', problem: 'it is "yes", not "no"' });
    const failed = ['failing', 'hanging', 'talking', 'absent', 'no-file'].map((name) => found.get(name));
    expect(failed.map((one) => [one?.ok, one?.value])).toEqual(failed.map(() => [false, undefined]));
    expect(failed.map((one) => one?.problem)).toEqual([
      expect.stringContaining('exit code 3: ***'),
      expect.stringContaining('did not answer within 300 ms'),
      expect.stringContaining('more than the 4096'),
      expect.stringContaining('has no container'),
      expect.stringContaining('there is no "/data/x.db"'),
    ]);
    expect(manifest.warnings.filter(({ code }) => code === 'check-failed')).toHaveLength(6);
    expect([JSON.stringify(manifest), ended.stdout, ended.stderr].join('\n')).not.toContain(secret);
    expect((await stack.ps()).map(({ id, state }) => [id, state])).toEqual(
      before.map(({ id, state }) => [id, state]),
    );
    expect(await leftoversIn(backups)).toEqual([]);
    const { mounts } = await manifestOf(manifest.folder);
    expect(mounts).toHaveLength(1);
  });

  it('must fail the run where they are to abort it, and everything comes back', async () => {
    const aborting = { ...checks.find(({ name }) => name === 'wrong'), on_failure: 'abort' };
    await writeConfig(stack.folder, { shop: { project: stack.project, ...instance, checks: [aborting] } });
    const backups = join(stack.folder, 'backups');
    const before = await snapshotsIn(backups);
    const ended = await runTool(['shop'], { cwd: stack.folder });
    expect(ended).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('check wrong: it is "yes"') });
    expect((await stack.ps()).map(({ state }) => state)).toEqual(['running', 'running', 'running']);
    expect(await snapshotsIn(backups)).toEqual(before);
    expect(await leftoversIn(backups)).toEqual([]);
  });
});
