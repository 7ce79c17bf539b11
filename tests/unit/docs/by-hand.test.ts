import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { run } from '../../../src/base/process.ts';
import { deadJournal, journalContainer } from '../../support/journal.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { fencedBlocks, readPage } from './pages.ts';

let folder = '';
beforeAll(async () => {
  folder = await temporaryFolder('by-hand');
});
afterAll(() => removeTree(folder));

it('docs/how-it-works.md prints commands that put back what a journal says, dependencies first', async () => {
  const journal = join(folder, 'journal.json');
  const policy = (name: 'always' | 'on-failure', maximumRetryCount = 0) => ({ name, maximumRetryCount });
  const containers = [
    journalContainer({ id: 'ice', stateBefore: 'paused' }),
    journalContainer({ id: 'app', restartPolicy: policy('on-failure', 3) }),
    journalContainer({ id: 'frozen', action: 'pause', restartPolicy: policy('always') }),
    journalContainer({ id: 'ended', ended: true }),
    journalContainer({ id: 'back', back: true }),
    journalContainer({ id: 'db', restartPolicy: policy('always') }),
  ];
  await writeFile(journal, JSON.stringify(deadJournal(folder, { containers })));
  const written = fencedBlocks(readPage('docs/how-it-works.md'), 'sh').find((one) => one.includes('node -e'));
  const script = written?.replace(/\/srv\/backups\/\S+\.json/, journal) ?? '';
  const ended = await run(['sh', '-c', script], {
    env: { PATH: `${join(process.execPath, '..')}:${process.env.PATH}` },
  });
  expect(ended.stdout.toString('utf8').trim().split('\n')).toEqual([
    'docker update --restart always db',
    'docker start db',
    'docker update --restart always frozen',
    'docker unpause frozen',
    'docker update --restart on-failure:3 app',
    'docker start app',
    'docker update --restart no ice',
    'docker start ice',
    'docker pause ice',
  ]);
});
