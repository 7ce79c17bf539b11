import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { watchChildren, watchEngine, watchEvents, watchFiles } from './marks.ts';
import { faultMark, guardianMark, type Order, orderVariable } from './order.ts';

/**
 * Loaded into the tool before its own first module (`node --import`): the tool itself is unchanged. It puts
 * itself between the program and everything through which a program can change the world (files, child
 * processes, the engine's socket) or tell of it (events), notes each such boundary in a file, and does the
 * ordered fault at one of them, before the next instruction of the tool.
 */
const order = JSON.parse(process.env[orderVariable] ?? '{}') as Order;
// It is for this process alone, not for the guardian, the hooks and the threads that it starts.
delete process.env[orderVariable];
delete process.env.NODE_OPTIONS;

const note = (text: string): void => appendFileSync(order.trace, `${Date.now()} ${text}\n`);

let guardian: ChildProcess | undefined;
const seen = new Map<string, number>();

const strike = (kind: string): boolean => {
  note(faultMark);
  if (kind === 'error thrown') return true;
  if (kind.startsWith('SIGKILL of tool and guardian')) guardian?.kill('SIGKILL');
  process.kill(process.pid, kind.startsWith('SIGKILL') ? 'SIGKILL' : kind);
  return false;
};

/** Passes a boundary. True when whatever was done at it has to fail. */
const pass = (name: string): boolean => {
  const count = (seen.get(name) ?? 0) + 1;
  seen.set(name, count);
  const boundary = count === 1 ? name : `${name} (${count})`;
  note(boundary);
  return boundary === order.fault?.at && strike(order.fault.kind);
};

const onGuardian = (child: ChildProcess): void => {
  guardian = child;
  note(`${guardianMark} ${child.pid}`);
};

if (isMainThread) {
  const watch = { order, pass };
  watchEvents(watch);
  watchFiles(watch);
  watchEngine(watch);
  watchChildren(watch, spawn, onGuardian);
}
