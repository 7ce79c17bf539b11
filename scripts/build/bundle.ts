import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';
import { writeNotices } from './notices.ts';
import { compiledSchemas } from './validators.ts';

/** Programs of the package, by their files in src/. Those that they start beside themselves are found. */
const entries = ['main.ts', 'cli.ts', 'index.ts'];

/**
 * What dockerode loads at once and uses for nothing but building images: more modules than all others together.
 */
const unused = new Set([
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'protobufjs',
  'tar-fs',
  '@balena/dockerignore',
]);
const nothing = '\0nothing';

const withoutUnused: Plugin = {
  name: 'without-unused',
  resolveId: (source) => (unused.has(source) ? nothing : undefined),
  load: (id) => (id === nothing ? 'module.exports = {};' : undefined),
};

/** docker-modem loads an SSH client and TLS at once. Here the first connection that needs them does. */
const late: Readonly<Record<string, readonly [string, string]>> = {
  'modem.js': ["ssh = require('./ssh')", "ssh = (options) => require('./ssh')(options)"],
  'http.js': [
    "nativeHttps = require('https')",
    "nativeHttps = { request: (...asked) => require('https').request(...asked) }",
  ],
};

const lateTransports: Plugin = {
  name: 'late-transports',
  transform: (code, id) => {
    const change = late[id.split('/docker-modem/lib/')[1] ?? ''];
    if (change === undefined) return undefined;
    if (!code.includes(change[0])) throw new Error('docker-modem loads its transports in another way now');
    return code.replace(...change);
  },
};

const moduleOf = (src: string, id: string): string => relative(src, id).replace(/\.ts$/, '.js');

/** Modules go into common files, but what lies beside them is still found from where they were. */
const whereTheyWere = (src: string): Plugin => ({
  name: 'where-they-were',
  transform: (code, id) =>
    id.startsWith(`${src}/`) && code.includes('import.meta.url')
      ? code.replaceAll(
          'import.meta.url',
          `new URL(${JSON.stringify(`./${moduleOf(src, id)}`)}, import.meta.url).href`,
        )
      : undefined,
});

/** `new URL('./program.ts', import.meta.url)`: a program that a module starts beside itself. */
const programsIn = async (src: string): Promise<readonly string[]> => {
  const files = (await readdir(src, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const found = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(src, file), 'utf8');
      return [...text.matchAll(/new URL\(['`]\.\/([\w/-]+)(?:\.ts|\$\{extname)/g)].map(([, name]) =>
        join(dirname(file), `${name}.ts`),
      );
    }),
  );
  return found.flat();
};

/**
 * Puts src/ and its libraries into few files in `out`: a start reads a dozen files instead of hundreds. Every
 * program lies where it would lie without that; all else lies directly in `out`.
 */
export const bundle = async (root: string, out: string): Promise<void> => {
  const src = join(root, 'src');
  const inputs = [...entries, ...(await programsIn(src))];
  const bundled = await rolldown({
    input: Object.fromEntries(inputs.map((file) => [file.replace(/\.ts$/, ''), join(src, file)])),
    platform: 'node',
    checks: { pluginTimings: false },
    external: ['ssh2'],
    plugins: [withoutUnused, lateTransports, compiledSchemas(root), whereTheyWere(src)],
  });
  const { output } = await bundled.write({
    dir: out,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'part-[name]-[hash].js',
    comments: false,
  });
  await bundled.close();
  const chunks = output.filter((part) => part.type === 'chunk');
  await writeNotices(
    chunks.flatMap(({ moduleIds }) => moduleIds),
    out,
  );
  const displaced = output.filter(
    (part) => part.type === 'chunk' && part.fileName.includes('/') && part.code.includes('import.meta.url'),
  );
  if (displaced.length > 0)
    throw new Error(`${displaced.map((part) => part.fileName).join(', ')} would not find what lies beside`);
};
