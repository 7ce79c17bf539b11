import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { messageOf, StackBackupError } from '../../base/errors.ts';
import { spawnStreaming } from '../../base/process.ts';
import { printable } from '../../base/text/printable.ts';
import type { Engine } from '../../docker/engine.ts';
import type { Opened, Openers } from '../../snapshot/verify.ts';
import { OutputTail } from '../output.ts';
import { TocReader } from './toc.ts';

const command = ['pg_restore', '--list'] as const;
/** The list stands at the beginning of a dump; what takes longer was made to. */
const limitMs = 300_000;

const firstLine = (text: string): string => printable(text.trim().split('\n')[0]?.slice(0, 300) ?? '');

/** A shell's exit codes for a program that cannot be run, is not there, or was ended by a signal. */
const leastStrange = 126;

const judged = (exitCode: number, toc: TocReader, complaint: string): Opened => {
  if (exitCode >= leastStrange)
    return { is: 'unknown', why: `the program that reads it ended with exit code ${exitCode}` };
  if (exitCode !== 0) return { is: 'damaged', why: firstLine(complaint) || `exit code ${exitCode}` };
  return toc.entries > 0 ? { is: 'sound' } : { is: 'damaged', why: 'it has no table of contents' };
};

/** Root reads untrusted bytes as nobody. */
const asNobody = (): readonly string[] =>
  process.getuid?.() === 0
    ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs']
    : [];

/** Not there at all, or older than the dump: another one may be able to. */
const cannot = (exitCode: number, complaint: string): boolean =>
  exitCode === 127 || exitCode === 126 || /unsupported version|No such file or directory/.test(complaint);

/** With the host's own program; undefined where it has none that can. */
const onHost = async (file: string, signal: AbortSignal): Promise<Opened | undefined> => {
  const toc = new TocReader();
  const input = createReadStream(file);
  input.on('error', () => undefined); // the program that reads it says so, or there is none
  try {
    const child = spawnStreaming([...asNobody(), ...command], { input, signal, timeoutMs: limitMs });
    await pipeline(child.stdout, toc);
    const { exitCode, stderr } = await child.done;
    return cannot(exitCode, stderr) ? undefined : judged(exitCode, toc, stderr);
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    if (thrown instanceof StackBackupError && thrown.code === 'tool-missing') return undefined;
    return { is: 'unknown', why: messageOf(thrown) };
  } finally {
    input.destroy();
  }
};

const whyNot = (thrown: unknown): string => {
  if (thrown instanceof StackBackupError && thrown.details.status === 404)
    return 'the image of its service is not on this engine any more';
  const message = messageOf(thrown);
  return /executable file not found/.test(message) ? 'the image of its service has none' : printable(message);
};

const inContainer = async (
  file: string,
  image: string | undefined,
  engineOf: () => Promise<Engine>,
  signal: AbortSignal,
): Promise<Opened> => {
  const none = 'there is no pg_restore here that can read it';
  if (image === undefined || !/^sha256:[0-9a-f]{64}$/.test(image)) return { is: 'unknown', why: none };
  const toc = new TocReader();
  const stderr = new OutputTail(4096);
  const limit = AbortSignal.timeout(limitMs);
  try {
    const engine = await engineOf();
    const streams = { stdin: createReadStream(file), stdout: toc, stderr };
    const both = AbortSignal.any([signal, limit]);
    const exitCode = await engine.read({ image, command, ...streams, signal: both });
    toc.end();
    return judged(exitCode, toc, stderr.bytes().toString('utf8'));
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    return { is: 'unknown', why: `${none}: ${whyNot(thrown)}` };
  }
};

/**
 * Reads the table of contents of a dump that `pg_dump` made: with the host's `pg_restore`, else with that of
 * the image that the dump's service had, in a container that is thrown away. `engineOf` is asked only then.
 */
export const dumpOpener =
  (engineOf: () => Promise<Engine>): Openers['dump'] =>
  async (file, dump, manifest, given) => {
    if (dump.format !== 'pg_dump custom') return undefined;
    const signal = given ?? new AbortController().signal;
    const image = manifest.containers.find(({ service }) => service === dump.service)?.imageId;
    return (await onHost(file, signal)) ?? (await inContainer(file, image, engineOf, signal));
  };
