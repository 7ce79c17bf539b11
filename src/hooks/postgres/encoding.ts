/** The encoding that a script of a dump program says it is in. */
export const encodingSetBy = (script: string): string | undefined =>
  /^SET client_encoding = '(\w+)';$/m.exec(script)?.[1];

/** What decodes an encoding by PostgreSQL's name of it; latin1, byte by byte, where Node.js has none. */
export const decoderFor = (encoding: string): InstanceType<typeof TextDecoder> => {
  const label = encoding.replace(/^WIN(\d+)$/, 'windows-$1').replace(/^LATIN1$/, 'latin1');
  try {
    return new TextDecoder(label === 'UTF8' || label === 'SQL_ASCII' ? 'utf-8' : label.replaceAll('_', '-'));
  } catch {
    return new TextDecoder('latin1');
  }
};

/** The whole of a script, by the encoding that stands in it. */
export const decodeScript = (script: Buffer): string =>
  decoderFor(encodingSetBy(script.toString('latin1', 0, 10_000)) ?? 'UTF8').decode(script);
