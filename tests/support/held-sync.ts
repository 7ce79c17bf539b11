import { access, chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from './until.ts';

/** Holds, or fails, a tool when it flushes certain folders to their disk: a place in a run that never moves. */
export interface HeldSync {
  /** For the environment of the tool: its `sync` is found before the real one. */
  readonly env: Readonly<Record<string, string>>;
  /** From now on who flushes a path with this text in it waits (`hold`), or fails (`fail`), when a file has that line. */
  at(
    text: string,
    what: 'hold' | 'fail',
    when?: { readonly file: string; readonly holds: string },
  ): Promise<void>;
  /** Resolves when somebody is held. */
  held(): Promise<void>;
  /** Nobody is held any more, nor will be. */
  release(): Promise<void>;
}

/** The file `what` says in three lines what to look for, in which file, and what stands in that. */
const script = (folder: string): string => `#!/bin/sh
for what in hold fail; do
  if [ -e '${folder}'/$what ]; then
    { read -r text; read -r file; read -r word; } < '${folder}'/$what
    case "$*" in *"$text"*)
      if [ -z "$file" ] || grep -qx "$word" "$file"; then
        if [ $what = fail ]; then echo 'sync: error: Input/output error' >&2; exit 1; fi
        : > '${folder}'/held
        while [ -e '${folder}'/hold ]; do sleep 0.05; done
      fi ;;
    esac
  fi
done
exec /usr/bin/sync "$@"
`;

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

export const heldSync = async (folder: string): Promise<HeldSync> => {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'sync'), script(folder));
  await chmod(join(bin, 'sync'), 0o755);
  const release = async (): Promise<void> => {
    for (const name of ['hold', 'fail', 'held']) await rm(join(folder, name), { force: true });
  };
  return {
    env: { PATH: `${bin}:${process.env.PATH ?? ''}` },
    at: async (text, what, when) => {
      await release();
      await writeFile(join(folder, what), `${text}\n${when?.file ?? ''}\n${when?.holds ?? ''}\n`);
    },
    held: () =>
      until('the tool flushes what it is to be held at', () => exists(join(folder, 'held'))).then(
        () => undefined,
      ),
    release,
  };
};
