import { link, lutimes, mkdir, open, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { run } from '../../src/base/process.ts';

/** Runs a program; throws when it fails. */
export const must = async (command: readonly string[], cwd?: string): Promise<Buffer> => {
  const ended = await run(command, cwd === undefined ? {} : { cwd });
  if (ended.exitCode !== 0) throw new Error(`${command.join(' ')}: ${ended.stderr}`);
  return ended.stdout;
};

export const below = (root: string, name: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)]);

/** Names that tools trip over, all allowed by Linux. */
export const oddNames: readonly Buffer[] = [
  Buffer.from('-rf'),
  Buffer.from('--help'),
  Buffer.from('new\nline'),
  Buffer.from('carriage\rreturn'),
  Buffer.from('end\r'),
  Buffer.from('back\\slash'),
  Buffer.from(' leading and trailing '),
  Buffer.from('tab\tquote"\'$(`'),
  Buffer.from('*?[x]'),
  Buffer.from('\u00fcml\u00e4ut \ud83d\ude00'),
  Buffer.from([0x66, 0xff, 0xfe, 0x80]),
  Buffer.from('x'.repeat(255)),
  Buffer.from([0x01, 0x1b, 0x7f]),
];

const leaveSocket = (path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(path, () => {
      // Closing removes the name it was bound to: a second one keeps the socket.
      link(path, `${path}-kept`).then(() => server.close(() => resolve()), reject);
    });
  });

/** A tree that has one of everything a copy has to keep. Needs root, and the packages `attr` and `acl`. */
export const makeOddTree = async (root: string): Promise<void> => {
  await mkdir(root, { recursive: true });
  for (const [place, name] of oddNames.entries()) await writeFile(below(root, name), `content ${place}\n`);
  await mkdir(join(root, 'deep/er/est'), { recursive: true });
  await writeFile(join(root, 'deep/er/est/file'), Buffer.alloc(3_000_000, 7));
  await writeFile(join(root, 'deep-er'), 'sorts between deep and deep/er');
  await mkdir(below(root, Buffer.from([0xe9, 0x0a])));
  await writeFile(below(root, Buffer.from([0xe9, 0x0a, 0x2f, 0xe8])), 'latin1 in latin1');
  await writeFile(join(root, 'empty'), '');
  await mkdir(join(root, 'empty-folder'));
  await link(join(root, 'deep/er/est/file'), join(root, 'hard-link'));
  await link(join(root, 'deep/er/est/file'), join(root, 'deep/another'));
  const sparse = await open(join(root, 'sparse'), 'w');
  await sparse.write('x', 64 * 1024 * 1024);
  await sparse.close();
  await symlink('deep/er', join(root, 'link'));
  await symlink('/etc/passwd', join(root, 'link-out'));
  await symlink(Buffer.from([0x2f, 0x2f, 0xff, 0x0a]), join(root, 'link-odd'));
  await must(['mkfifo', '-m', '0620', 'fifo'], root);
  await must(['mknod', 'device', 'c', '1', '3'], root);
  await leaveSocket(join(root, 'socket'));
  await must(['setfattr', '-n', 'user.colour', '-v', 'blue', 'empty'], root);
  await must(['setfattr', '-n', 'trusted.note', '-v', 'root only', 'deep'], root);
  await must(['setfacl', '-m', 'u:4242:rw', 'empty'], root);
  await must(['setfacl', '-d', '-m', 'g:4243:rx', 'empty-folder'], root);
  await must(['chown', '-h', '1234:5678', 'deep', 'link', 'hard-link', 'fifo'], root);
  await must(['chown', '999:999', root]);
  await must(['chmod', '6750', 'deep-er'], root);
  await must(['chmod', '1777', 'empty-folder'], root);
  await must(['touch', '-h', '-d', '2001-02-03 04:05:06.123456789Z', 'link', 'empty', 'deep'], root);
  await must(['touch', '-d', '1969-12-31 23:59:58.25Z', 'deep-er'], root);
  await lutimes(join(root, 'link-out'), 1, 2);
  await must(['touch', '-d', '2011-11-11 11:11:11.111111111Z', root]);
};
