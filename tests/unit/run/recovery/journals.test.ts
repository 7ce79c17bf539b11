import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownIdentity } from '../../../../src/base/clock.ts';
import { run } from '../../../../src/base/process.ts';
import { openJournal } from '../../../../src/run/journal.ts';
import { findJournals, isDead } from '../../../../src/run/recovery/journals.ts';
import { journalsPath } from '../../../../src/snapshot/layout.ts';
import { deadJournal, journalContainer, longGone } from '../../../support/journal.ts';
import { until } from '../../../support/until.ts';

let backups: string;
let path: string;

beforeEach(async () => {
  backups = await mkdtemp(join(tmpdir(), 'sb-test-journals-'));
  await mkdir(journalsPath(backups), { recursive: true });
  path = join(journalsPath(backups), 'shop.json');
});
afterEach(() => rm(backups, { recursive: true, force: true }));

const found = async () => {
  const [one, ...others] = await findJournals(backups);
  expect(others).toEqual([]);
  return one ?? { path, problem: 'there is none' };
};
const problemOf = async (content: string | Uint8Array): Promise<string | undefined> => {
  await writeFile(path, content);
  const one = await found();
  return 'problem' in one ? one.problem : undefined;
};

describe('a journal', () => {
  it('is read as it was written, by the process that wrote it and by others', async () => {
    const { process: _process, ...first } = deadJournal(backups, { config: '/etc/shop.yaml' });
    const journal = await openJournal(path, first);
    await journal.enter('stopping');
    const [{ id } = { id: '' }] = first.containers;
    await Promise.all([journal.noteEnded(id), journal.enter('copying')]);
    expect(await found()).toEqual({
      backups,
      path,
      isOurs: true,
      journal: {
        ...first,
        phase: 'copying',
        process: ownIdentity(),
        containers: first.containers.map((one) => ({ ...one, ended: true })),
      },
    });
    await journal.leave('services-down', []);
    expect(await found()).toMatchObject({ journal: { phase: 'starting', told: 'services-down' } });
    await writeFile(join(journalsPath(backups), '.shop.json.0a1b2c'), 'what a killed write left');
    await journal.close();
    expect(await readdir(journalsPath(backups))).toEqual([]);
  });

  it('is not written into another folder that has come in the place of its own', async () => {
    const { process: _process, ...first } = deadJournal(backups);
    const journal = await openJournal(path, first);
    const home = journalsPath(backups);
    await rename(home, join(backups, 'away'));
    await mkdir(home);
    journal.noteBack(first.containers[0]?.id ?? '');
    await expect(journal.enter('copying')).rejects.toMatchObject({ code: 'backups-unusable' });
    expect(await readdir(home)).toEqual([]);
    await rm(home, { recursive: true });
    await rename(join(backups, 'away'), home);
    await journal.enter('starting');
    expect(await found()).toMatchObject({ journal: { phase: 'starting', containers: [{ back: true }] } });
    await journal.close();
  });

  it('tells that the way back has begun in a phase before, and who has no part in it', async () => {
    const { process: _process, ...first } = deadJournal(backups);
    const [{ id } = { id: '' }] = first.containers;
    const journal = await openJournal(path, first);
    await journal.enter('stopping');
    await journal.noteReturn([id]);
    expect(await found()).toMatchObject({
      journal: { phase: 'stopping', returning: true, containers: [{ id, back: true }] },
    });
    await journal.close();
    const good = await openJournal(path, first);
    await good.enter('starting');
    await good.noteReturn([id]);
    expect((await found()) as object).not.toHaveProperty('journal.returning');
    await good.close();
  });

  it('of an older or a newer program of the same version is read: what is not known is ignored', async () => {
    const journal = deadJournal(backups);
    const { postStart: _none, ...wayBack } = journal.wayBack;
    const [container] = journal.containers;
    expect(await problemOf(JSON.stringify({ ...journal, wayBack }))).toBeUndefined();
    const newer = {
      ...journal,
      more: 1,
      containers: [{ ...container, more: 1 }],
      wayBack: { ...wayBack, more: {} },
    };
    expect(await problemOf(JSON.stringify(newer))).toBeUndefined();
  });

  it.each([2, 3, 1.5, 1e9])('of version %d is refused, naming the version', async (version) => {
    const problem = await problemOf(JSON.stringify({ ...deadJournal(backups), version, anything: 'else' }));
    expect(problem).toBe(`a newer stack-backup wrote it (version ${version}): use that one`);
  });

  it.each([
    ['nothing', ''],
    ['zeros', new Uint8Array(4096)],
    ['bytes that are no text', new Uint8Array([0x7b, 0xff, 0xfe, 0x7d])],
    ['null', 'null'],
    ['a number', '1'],
    ['a list', '[]'],
    ['an empty object', '{}'],
    ['an object within itself', '{"version":1,"__proto__":{"id":"x"}}'],
  ])('of %s is refused', async (_name, content) => {
    expect(await problemOf(content)).toBeTypeOf('string');
  });

  it('is refused when any part of it is missing or of another kind', async () => {
    const journal: object = deadJournal(backups, { containers: [journalContainer({ id: 'b'.repeat(64) })] });
    for (const key of Object.keys(journal)) {
      const { [key as keyof typeof journal]: _left, ...rest } = journal;
      expect(await problemOf(JSON.stringify(rest)), key).toBe('it is damaged');
      expect(await problemOf(JSON.stringify({ ...journal, [key]: { odd: 1 } })), key).toBeTypeOf('string');
    }
  });

  it('is refused wherever it was cut off, and never believed where a byte of it changed into nonsense', async () => {
    const text = JSON.stringify(deadJournal(backups));
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), async (length) => {
        expect(await problemOf(text.slice(0, length))).toBeTypeOf('string');
      }),
      { numRuns: 200 },
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.nat(255), async (at, byte) => {
        const bytes = Buffer.from(text);
        bytes[at] = byte;
        await writeFile(path, bytes);
        const one = await found();
        // What is still a journal may name other containers, but never a folder to be removed elsewhere.
        if ('journal' in one)
          expect(one.journal.folder.startsWith(`${backups}/.stack-backup/tmp/`)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it.each(['/etc', '../../..', '.', '../tmp', 'another'])(
    'is refused when its folder %s lies elsewhere',
    async (folder) => {
      const away = folder.startsWith('/') ? folder : join(backups, '.stack-backup/tmp', folder);
      expect(await problemOf(JSON.stringify(deadJournal(backups, { folder: away })))).toMatch(/outside of/);
    },
  );

  it('is refused when it is a link, a folder, or a pipe that nobody writes into', async () => {
    const elsewhere = join(backups, 'elsewhere.json');
    await writeFile(elsewhere, JSON.stringify(deadJournal(backups)));
    await symlink(elsewhere, path);
    expect(await found()).toMatchObject({ path, problem: expect.stringContaining('ELOOP') });
    await rm(path);
    await mkdir(path);
    expect(await found()).toMatchObject({ path, problem: expect.any(String) });
    await rm(path, { recursive: true });
    expect((await run(['mkfifo', path])).exitCode).toBe(0);
    expect(await found()).toMatchObject({ path, problem: expect.any(String) });
  });

  it('that others may write to is read, but not as our own', async () => {
    await writeFile(path, JSON.stringify(deadJournal(backups)));
    expect(await found()).toMatchObject({ isOurs: true });
    await chmod(path, 0o622);
    expect(await found()).toMatchObject({ isOurs: false });
    expect(await readFile(path, 'utf8')).toContain('shop');
  });
});

describe('a run', () => {
  it('is dead when its process is not there, was another one, or has ended unnoticed', async () => {
    const own = ownIdentity();
    const of = (process: typeof own) => deadJournal(backups, { process });
    expect(isDead(of(own))).toBe(false);
    expect(isDead(of(longGone))).toBe(true);
    expect(isDead(of({ ...own, startTime: '1' }))).toBe(true);
    expect(isDead(of({ ...own, bootId: 'another' }))).toBe(true);
    // A child that has ended and that its parent never waits for: it is a shell no more by then, only asleep.
    const parent = spawn('sh', ['-c', 'sleep 30 & echo $!; exec sleep 30'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
      const fieldsOf = async (): Promise<readonly string[]> => {
        const text = await readFile(`/proc/${pid}/stat`, 'latin1');
        return text.slice(text.lastIndexOf(')') + 2).split(' ');
      };
      const program = (): Promise<string> => readFile(`/proc/${parent.pid}/comm`, 'utf8');
      await until('the shell is one no more', async () => (await program()) === 'sleep\n');
      process.kill(pid, 'SIGKILL');
      await until('the child has ended', async () => (await fieldsOf())[0] === 'Z');
      expect(isDead(of({ ...own, pid, startTime: (await fieldsOf())[19] ?? '' }))).toBe(true);
    } finally {
      parent.kill('SIGKILL');
    }
  });
});
