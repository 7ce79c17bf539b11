/**
 * The guardian's program: `guardian-main <backups> <run>`. Reads lines from its standard input: the newest journal
 * of the run, as JSON, each time it changes. "done" as the last one means that the run has put everything back; an
 * end without it means that the run is dead. It loads nothing until then, so that it costs little to have it
 * standing by.
 */
const [backups, run] = process.argv.slice(2);

/** The last whole line: one that was being written when the run died is none. */
const lastWord = async (): Promise<string> => {
  let [word, rest] = ['null', ''];
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    word = lines.at(-1) ?? word;
  }
  return word;
};

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
process.stdout.on('error', () => undefined);
process.stdout.write('ready\n');

const word = await lastWord();
if (backups !== undefined && run !== undefined && word !== 'done') {
  const { recoverAlone } = await import('./alone.ts');
  await recoverAlone(backups, run, word);
}
process.exit(); // connections to the engine that are kept for a while would keep it, too
