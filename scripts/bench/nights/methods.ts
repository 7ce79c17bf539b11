import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ownPeak } from '../own-peak.ts';
import { run } from '../run.ts';
import { BenchProblem } from '../say.ts';
import { nightOfToken, tokenName } from './sets/set.ts';
import type { Stack } from './stack.ts';

/** The first snapshot, which has nothing to begin with, and the second, which has the first. */
export type Night = 1 | 2;

/** What a snapshot was found to hold. */
export interface Content {
  readonly files: number;
  /** Whose data these are. */
  readonly generation: number;
}

/** The methods, as the tables name them. */
export const titles = {
  cp: 'stop, cp -a, start, sha256sum',
  tar: 'stop, tar -czf, start',
  rsync: 'stop, rsync -aHAXS --link-dest, start',
  restic: 'stop, restic backup, start',
  ours: 'stack-backup',
} as const;

/** A way to back up the stack night after night into one folder, and how to see what came of it. */
export interface Method {
  readonly key: keyof typeof titles;
  /** What has to be there before the first night; not measured. */
  readonly prepare?: (out: string, signal: AbortSignal) => Promise<void>;
  readonly command: (out: string, night: Night) => readonly string[];
  /** `thorough`: everything that it wrote is read. */
  readonly content: (out: string, night: Night, signal: AbortSignal, thorough: boolean) => Promise<Content>;
}

/** One line for each regular file; `token` finds the size in that of the file which tells the night. */
const contentOf = (lines: readonly string[], token: RegExp): Content => {
  const size = lines.map((line) => token.exec(line)?.[1]).find((found) => found !== undefined);
  return { files: lines.length, generation: nightOfToken(Number(size)) };
};

const linesOf = async (command: readonly string[], signal: AbortSignal): Promise<readonly string[]> =>
  (await run(command, { signal })).stdout.split('\n').filter((line) => line !== '');

/** Nothing is put into a script by pasting: what it works on are its arguments. */
const shell =
  (stack: Stack, work: string) =>
  (out: string, night: Night): readonly string[] => {
    const script = `project=$1 file=$2 data=$3 out=$4 night=$5
      docker compose -p "$project" -f "$file" stop
      ${work}`;
    const [, , , project = '', , file = ''] = stack.compose;
    return ['sh', '-ec', script, 'sh', project, file, stack.data, out, String(night)];
  };

const start = `date '+start asked at %s.%N'
     docker compose -p "$project" -f "$file" start`;

/** When a script asked for the start of the stack, seconds since 1970; our own tool says nothing of the kind. */
export const askedIn = (stdout: string): number | undefined => {
  const asked = /^start asked at ([\d.]+)$/m.exec(stdout)?.[1];
  return asked === undefined ? undefined : Number(asked);
};

const inTree = async (out: string, night: Night, signal: AbortSignal): Promise<Content> =>
  contentOf(
    await linesOf(['find', join(out, String(night)), '-type', 'f', '-printf', '%s %P\n'], signal),
    new RegExp(`^(\\d+) ${tokenName}$`),
  );

/** What a careful person writes: a plain copy while the stack is down, checksums once it is up again. */
const copy = (stack: Stack): Method => ({
  key: 'cp',
  command: shell(
    stack,
    `cp -a "$data" "$out/$night"
     ${start}
     cd "$out/$night"
     find . -type f -exec sha256sum {} + > "../SHA256SUMS-$night"`,
  ),
  content: inTree,
});

/** What the volume-backup image in widest use does: one compressed archive while the stack is down. */
const archive = (stack: Stack): Method => ({
  key: 'tar',
  command: shell(
    stack,
    `tar -czf "$out/$night.tar.gz" -C "$data" .
     ${start}`,
  ),
  content: async (out, night, signal) => {
    const lines = await linesOf(['tar', '-tvzf', join(out, `${night}.tar.gz`)], signal);
    return contentOf(
      lines.filter((line) => line.startsWith('-') || line.startsWith('h')), // further names of one file
      new RegExp(`(\\d+) \\S+ \\S+ \\./${tokenName}$`),
    );
  },
});

/** Unchanged files are hard links to those of the night before. */
const rsync = (stack: Stack): Method => ({
  key: 'rsync',
  command: shell(
    stack,
    `if [ "$night" = 1 ]; then rsync -aHAXS "$data/" "$out/1/"
     else rsync -aHAXS --link-dest="$out/1" "$data/" "$out/$night/"
     fi
     ${start}`,
  ),
  content: inTree,
});

const repository = (out: string): readonly string[] => [
  ...['restic', '--repo', join(out, 'repository'), '--password-file', join(out, 'password')],
  ...['--cache-dir', join(out, 'cache')],
];

const restic = (stack: Stack): Method => ({
  key: 'restic',
  prepare: async (out, signal) => {
    await writeFile(join(out, 'password'), 'bench');
    await run([...repository(out), 'init'], { signal });
  },
  command: shell(
    stack,
    `restic --repo "$out/repository" --password-file "$out/password" --cache-dir "$out/cache" backup "$data"
     ${start}`,
  ),
  content: async (out, _, signal) => {
    const lines = await linesOf([...repository(out), 'ls', '--long', 'latest'], signal);
    return contentOf(
      lines.filter((line) => line.startsWith('-')),
      new RegExp(`(\\d+) \\S+ \\S+ ${stack.data}/${tokenName}$`),
    );
  },
});

/** The tool, as anybody calls it who has no configuration. */
const ours = (stack: Stack, program: string): Method => ({
  key: 'ours',
  command: (out) => [
    ...[process.execPath, '--import', ownPeak, program, stack.project, '--backups', out, '--json'],
  ],
  content: async (out, night, signal, thorough) => {
    const snapshots = (await readdir(out)).filter((name) => name.startsWith(`${stack.project}-`)).sort();
    const snapshot = join(out, snapshots[night - 1] ?? '');
    if (snapshots.length !== night) throw new BenchProblem(`${snapshots.length} snapshots, not ${night}`);
    if (thorough) await run([process.execPath, program, 'verify', snapshot], { signal });
    const indexes = (await readdir(join(snapshot, 'index'))).filter((name) => !name.includes('.gone.'));
    const files = indexes.map((name) => join(snapshot, 'index', name));
    return contentOf(
      (await linesOf(['zstd', '-dc', ...files], signal)).filter((line) => line.includes('"type":"file"')),
      new RegExp(`"path":"${tokenName}".*"size":(\\d+)`),
    );
  },
});

export const methodsFor = (stack: Stack, program: string): readonly Method[] => [
  copy(stack),
  archive(stack),
  rsync(stack),
  restic(stack),
  ours(stack, program),
];
