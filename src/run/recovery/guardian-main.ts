/**
 * The guardian's program: `guardian-main <backups> <run>`. Waits for the end of its standard input. "done"
 * before the end means that the run has put everything back; an end without it means that the run is dead.
 * It loads nothing until then, so that it costs little to have it standing by.
 */
const [backups, run] = process.argv.slice(2);

const said = async (): Promise<string> => {
  let text = '';
  for await (const chunk of process.stdin) text += String(chunk);
  return text;
};

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
process.stdout.on('error', () => undefined);
process.stdout.write('ready\n');

if (backups !== undefined && run !== undefined && !(await said()).includes('done')) {
  const { recoverAlone } = await import('./alone.ts');
  await recoverAlone(backups, run);
}
process.exit(); // connections to the engine that are kept for a while would keep it, too
