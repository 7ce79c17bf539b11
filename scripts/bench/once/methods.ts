import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ownPeak } from '../own-peak.ts';
import { run } from '../run.ts';
import type { Size } from './data.ts';
import type { Stack } from './stack.ts';

/** A way to back up the stack into an empty folder, and how to see what came of it. */
export interface Method {
  readonly key: 'ours' | 'script' | 'archive';
  readonly title: string;
  readonly command: (out: string) => readonly string[];
  /** What lies in the folder afterwards, and how many checksums. */
  readonly result: (out: string, signal: AbortSignal) => Promise<Size & { readonly sums?: number }>;
}

/** Nothing is put into a script by pasting: what it works on are its arguments. */
const shell = (script: string, ...args: readonly string[]): readonly string[] => [
  'sh',
  '-ec',
  script,
  'sh',
  ...args,
];

const sizeOf = async (folder: string, signal: AbortSignal, ...which: readonly string[]): Promise<Size> => {
  const { stdout } = await run(['find', folder, '-type', 'f', ...which, '-printf', '%s\n'], { signal });
  return totalOf(stdout.split('\n').filter((line) => line !== ''));
};

const totalOf = (sizes: readonly string[]): Size => ({
  files: sizes.length,
  bytes: sizes.reduce((sum, size) => sum + Number(size), 0),
});

/** The regular files in an archive. */
const sizeIn = async (file: string, compression: string, signal: AbortSignal): Promise<Size> => {
  const { stdout } = await run(['tar', '-tv', compression, '-f', file], { signal });
  const files = stdout.split('\n').filter((line) => line.startsWith('-'));
  return totalOf(files.map((line) => line.split(/\s+/)[2] ?? ''));
};

const linesOf = async (file: string): Promise<readonly string[]> =>
  (await readFile(file, 'utf8')).trimEnd().split('\n');

const composeOf = ({ compose }: Stack): readonly [project: string, file: string] => [
  compose[3] ?? '',
  compose[5] ?? '',
];

/** What a careful person writes: a plain copy while the stack is down, checksums once it is up again. */
const script = (stack: Stack): Method => ({
  key: 'script',
  title: 'careful script: stop, cp -a, start, sha256sum',
  command: (out) =>
    shell(
      `project=$1 file=$2 out=$3; shift 3
       mkdir "$out/volumes"
       docker compose -p "$project" -f "$file" stop
       for volume; do cp -a "$volume" "$out/volumes/$(basename "$(dirname "$volume")")"; done
       docker compose -p "$project" -f "$file" start
       cd "$out"
       find volumes -type f -exec sha256sum {} + > SHA256SUMS`,
      ...composeOf(stack),
      out,
      ...stack.volumes,
    ),
  result: async (out, signal) => ({
    ...(await sizeOf(join(out, 'volumes'), signal)),
    sums: (await linesOf(join(out, 'SHA256SUMS'))).length,
  }),
});

/** What the volume-backup image in widest use does: one compressed archive while the stack is down. */
const archive = (stack: Stack): Method => ({
  key: 'archive',
  title: 'volume-backup image: stop, tar -czf, start',
  command: (out) =>
    shell(
      `project=$1 file=$2 out=$3; shift 3
       docker compose -p "$project" -f "$file" stop
       tar -czf "$out/backup.tar.gz" -C / "$@"
       docker compose -p "$project" -f "$file" start`,
      ...composeOf(stack),
      out,
      ...stack.volumes.map((path) => path.replace(/^\//, '')),
    ),
  result: (out, signal) => sizeIn(join(out, 'backup.tar.gz'), '--gzip', signal),
});

/** The tool, as anybody calls it who has no configuration. */
const ours = (stack: Stack, program: string): Method => ({
  key: 'ours',
  title: 'stack-backup',
  command: (out) => [process.execPath, '--import', ownPeak, program, stack.project, '--backups', out],
  result: async (out, signal) => {
    const name = (await readdir(out)).find((one) => one.startsWith(`${stack.project}-`)) ?? '';
    const snapshot = join(out, name);
    const volumes = join(snapshot, 'volumes');
    const archives = (await readdir(volumes)).filter((path) => path.endsWith('.tar.zst'));
    const held = await Promise.all(archives.map((path) => sizeIn(join(volumes, path), '--zstd', signal)));
    const plain = await sizeOf(volumes, signal, '!', '-name', '*.tar.zst');
    const index = (await readdir(join(snapshot, 'index'))).map((path) => join(snapshot, 'index', path));
    const { stdout } = await run(['zstd', '-dc', ...index], { signal });
    return {
      files: held.reduce((sum, { files }) => sum + files, plain.files),
      bytes: held.reduce((sum, { bytes }) => sum + bytes, plain.bytes),
      sums: stdout.split('\n').filter((line) => line.includes('"sha256":')).length,
    };
  },
});

export const methodsFor = (stack: Stack, program: string): readonly Method[] => [
  script(stack),
  archive(stack),
  ours(stack, program),
];
