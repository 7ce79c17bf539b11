import childProcess, { type ChildProcess, type spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';
import type { RunEvent } from '../../../../src/base/events.ts';
import type { Order } from './order.ts';

interface Watch {
  readonly order: Order;
  /** Passes a boundary of this name. True when what is done there has to fail. */
  readonly pass: (name: string) => boolean;
}

const failure = (code: string, message: string): Error => Object.assign(new Error(message), { code });

/** A name without what is different in every run: ids, dates, the stack's own name. */
const plain = ({ order }: Watch, text: string): string =>
  order.without
    .reduce((rest, part) => rest.replaceAll(part, ''), text)
    .replace(/\w+-\d{8}-\d{6}-[0-9a-f]{6}/g, '<run>')
    .replace(/\w+-\d{8}-\d{6}/g, '<snapshot>')
    .replace(/[0-9a-f]{64}/g, (id) => order.names[id] ?? 'helper')
    .replace(/[0-9a-f-]{36}/g, 'helper');

const nameOfEvent = (event: RunEvent): string | undefined => {
  switch (event.type) {
    case 'copy-progress':
    case 'hash-progress':
    case 'warning':
    case 'error':
      return undefined;
    case 'phase':
      return `phase ${event.phase}`;
    case 'container':
      return `${event.action} ${event.container}`;
    case 'wave':
      return `${event.action} wave ${event.wave}`;
    case 'copy-started':
    case 'copy-finished':
      return `${event.type} ${event.mount}`;
    case 'hook-started':
    case 'hook-finished':
      return `${event.type} ${event.hook}`;
    default:
      return event.type;
  }
};

/** The events of a run, where they are told (`--json`). The failure is one that nobody catches. */
export const watchEvents = (watch: Watch): void => {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = ((chunk: string, ...rest: []) => {
    if (typeof chunk === 'string' && chunk.startsWith('{')) {
      const name = nameOfEvent(JSON.parse(chunk) as RunEvent);
      if (name !== undefined && watch.pass(`event ${plain(watch, name)}`))
        process.nextTick(() => {
          throw new Error('a defect');
        });
    }
    return write(chunk, ...rest);
  }) as typeof process.stdout.write;
};

/** A journal is written at each change of phase: it is called by what it says. */
const contentOf = (path: string): string => {
  if (!path.includes('/.stack-backup/runs/')) return '';
  return ` ${(JSON.parse(readFileSync(path, 'utf8')) as { phase: string }).phase}`;
};

const around = async <T>(watch: Watch, name: string, work: () => Promise<T>): Promise<T> => {
  const broken = (): Error => failure('EIO', `EIO: i/o error, ${name}`);
  if (watch.pass(`before ${name}`)) throw broken();
  const result = await work();
  if (watch.pass(`after ${name}`)) throw broken();
  return result;
};

/** What appears under its name, what goes, what grows: journals, manifest, snapshot, the run's folder, history. */
export const watchFiles = (watch: Watch): void => {
  const { rename, rm, mkdir, open } = fs;
  fs.rename = (from, to) =>
    around(watch, `naming ${plain(watch, String(to))}${contentOf(String(from))}`, () => rename(from, to));
  fs.rm = (path, options) => {
    const isTemporary = basename(String(path)).startsWith('.');
    const remove = () => rm(path, options);
    return isTemporary ? remove() : around(watch, `removing ${plain(watch, String(path))}`, remove);
  };
  fs.mkdir = ((path: string, options: object) => {
    const name = plain(watch, path);
    const make = () => mkdir(path, options);
    return name.endsWith('/<run>') ? around(watch, `making ${name}`, make) : make();
  }) as typeof mkdir;
  fs.open = async (path, flags, mode) => {
    const file = await open(path, flags, mode);
    if (!String(flags).startsWith('a')) return file;
    const close = file.close.bind(file);
    file.close = () => around(watch, `adding to ${plain(watch, String(path))}`, close);
    return file;
  };
  syncBuiltinESMExports();
};

/** Every call that changes something in the engine: before it is sent, and when its answer is there. */
export const watchEngine = (watch: Watch): void => {
  const { request } = http;
  const broken = (): Error => failure('ECONNRESET', 'read ECONNRESET');
  http.request = ((options: RequestOptions, ...rest: []): ClientRequest => {
    const asked = request(options, ...rest);
    const { method = 'GET' } = options;
    const path = options.path ?? '';
    if (method === 'GET' || method === 'HEAD') return asked;
    const name = `${method} ${plain(watch, path.replace(/^\/v[\d.]+|\?.*$/g, ''))}`;
    if (watch.pass(`before ${name}`)) asked.destroy(broken());
    const emit = asked.emit.bind(asked);
    asked.emit = (event: string, ...args: unknown[]): boolean => {
      if (event !== 'response' || !watch.pass(`after ${name}`)) return emit(event, ...args);
      (args[0] as IncomingMessage).destroy();
      return emit('error', broken());
    };
    return asked;
  }) as typeof http.request;
};

/** Every child process, when it has just been started. The failure is its death. */
export const watchChildren = (
  watch: Watch,
  start: typeof spawn,
  onGuardian: (child: ChildProcess) => void,
): void => {
  childProcess.spawn = ((program: string, args: readonly string[], ...rest: []) => {
    const child = start(program, args, ...rest);
    const isGuardian = args.some((one) => one.includes('guardian-main'));
    if (isGuardian) onGuardian(child);
    if (watch.pass(`started ${isGuardian ? 'guardian' : basename(program)}`)) child.kill('SIGKILL');
    return child;
  }) as typeof spawn;
  syncBuiltinESMExports();
};
