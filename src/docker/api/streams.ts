import { PassThrough, type Readable, type Writable } from 'node:stream';

/** The lines of a stream, without their ends. */
export async function* linesOf(stream: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line.trim() !== '');
  }
  if (rest.trim() !== '') yield rest;
}

/** One readable of both streams of a container's log, with back-pressure. */
export const logStream = (
  raw: Readable,
  demultiplex: (source: Readable, sinks: { stdout: Writable; stderr: Writable }) => Promise<void>,
): Readable => {
  const out = new PassThrough();
  demultiplex(raw, { stdout: out, stderr: out }).then(
    () => out.end(),
    (error) => out.destroy(error),
  );
  return out;
};
