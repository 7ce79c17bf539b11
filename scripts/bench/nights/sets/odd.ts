import { randomInt } from 'node:crypto';
import { link, mkdir, open, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../run.ts';
import { changePages, type DataSet, pageBytes, replace, scaled, writePages, writeToken } from './set.ts';

const sparseFiles = 40;
const sparseBytes = 64 * 1024 * 1024;
const sparsePages = 256;
const linked = 2000;
const names = 3;
const symlinks = 5000;
const marked = 5000;

const sparse = (at: number): string => `sparse/image-${at}`;
const name = (at: number, number: number): string => `linked/${number}/file-${at}`;
const mark = (at: number): string => `marked/file-${at}`;

const somePlaces = (count: number): number[] =>
  Array.from({ length: count }, () => randomInt(sparseBytes / pageBytes));

/** Sets attributes and ACLs of many files with one process each. */
const setMarks = async (folder: string, numbers: readonly number[], value: string): Promise<void> => {
  const restore = async (command: readonly string[], block: (path: string) => string): Promise<void> => {
    const list = join(folder, 'list');
    const file = await open(list, 'wx');
    await file.writeFile(numbers.map((at) => block(mark(at))).join('\n'));
    await file.close();
    await run([...command, list], { cwd: folder });
    await rm(list);
  };
  await restore(['setfattr', '--restore'], (path) => `# file: ${path}\nuser.bench="${value}"\n`);
  await restore(
    ['setfacl', '--restore'],
    (path) => `# file: ${path}\nuser::rw-\nuser:1000:r--\ngroup::r--\nmask::r--\nother::---\n`,
  );
};

/** What plain copies lose: holes, hard links, symbolic links, extended attributes, ACLs. */
export const odd: DataSet = {
  key: 'C',
  title: 'sparse files, links, attributes, ACLs: 80 MB, 2.7 GB with the holes, 11,000 files',
  fill: async (folder, scale, signal) => {
    const sizes = [sparseFiles, linked, symlinks, marked].map((full) => scaled(full, scale));
    const [images = 0, groups = 0, pointers = 0, marks = 0] = sizes;
    const folders = [
      'sparse',
      'pointers',
      'marked',
      ...Array.from({ length: names }, (_, n) => `linked/${n}`),
    ];
    for (const one of folders) await mkdir(join(folder, one), { recursive: true });
    for (let at = 0; at < images; at++) {
      signal.throwIfAborted();
      const file = await open(join(folder, sparse(at)), 'wx');
      await file.truncate(sparseBytes);
      await file.close();
      await changePages(join(folder, sparse(at)), somePlaces(sparsePages));
    }
    for (let at = 0; at < groups; at++) {
      await writePages(join(folder, name(at, 0)), 1, signal);
      for (let more = 1; more < names; more++)
        await link(join(folder, name(at, 0)), join(folder, name(at, more)));
    }
    for (let at = 0; at < pointers; at++)
      await symlink(`../${name(at % groups, 0)}`, join(folder, `pointers/to-${at}`));
    for (let at = 0; at < marks; at++) await writePages(join(folder, mark(at)), 1, signal);
    await setMarks(folder, [...Array(marks).keys()], 'first');
    await writeToken(folder, 0);
    const files = images + groups * names + marks + 1;
    return { files, bytes: images * sparseBytes + (groups + marks) * pageBytes };
  },
  change: async (folder, scale, night) => {
    const [images = 1, groups = 1, marks = 1] = [sparseFiles, linked, marked].map((full) =>
      scaled(full, scale),
    );
    await changePages(join(folder, sparse(night % images)), somePlaces(sparsePages / 3));
    for (let left = Math.ceil(groups / 100); left > 0; left--)
      await changePages(join(folder, name(randomInt(groups), randomInt(names))), [0]);
    for (let left = Math.ceil(marks / 200); left > 0; left--)
      await replace(join(folder, mark(randomInt(marks))), `night ${night}`);
    const numbers = Array.from({ length: Math.ceil(marks / 200) }, () => randomInt(marks));
    await setMarks(folder, [...new Set(numbers)], `night ${night}`);
    await writeToken(folder, night);
  },
  service: (scale) =>
    `over=; trap 'over=1' TERM
     until [ "$over" ]; do
       head -c ${pageBytes} /dev/urandom > new
       cat new > linked/0/file-$((RANDOM % ${scaled(linked, scale)}))
       mv new marked/file-$((RANDOM % ${scaled(marked, scale)}))
       sleep 0.05
     done`,
};
