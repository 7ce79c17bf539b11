import { duration } from '../hooks.ts';
import type { Check, Expectation, RawCheck } from './types.ts';

const expectationOf = (raw: RawCheck['expect']): Expectation => {
  if (raw === undefined || typeof raw === 'string') return { is: raw ?? 'same' };
  return raw.equals === undefined
    ? { is: 'matches', pattern: raw.matches ?? '' }
    : { is: 'equals', value: raw.equals };
};

const resolveCheck = (raw: RawCheck): Check => {
  const base = {
    name: raw.name,
    service: raw.service,
    expect: expectationOf(raw.expect),
    timeout: duration(raw.timeout, '5s'),
    onFailure: raw.on_failure ?? 'warn',
  };
  const user = raw.user === undefined ? {} : { user: raw.user };
  if (raw.sql === undefined) {
    const workingDir = raw.working_dir === undefined ? {} : { workingDir: raw.working_dir };
    return { ...base, kind: 'command', command: raw.command ?? [], ...user, ...workingDir };
  }
  if (raw.path !== undefined) return { ...base, kind: 'sqlite', sql: raw.sql, path: raw.path };
  const database = raw.database === undefined ? {} : { database: raw.database };
  return { ...base, kind: 'postgres', sql: raw.sql, ...database, ...user };
};

/** The checks of one instance with every default filled in, in the order of the file. */
export const resolveChecks = (checks: readonly RawCheck[] = []): readonly Check[] => checks.map(resolveCheck);
