import { posix } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import type { RawCheck } from '../checks/types.ts';
import type { RawInstance } from '../raw.ts';
import { type Finding, fault } from './finding.ts';
import { labelOf, type Path } from './problem.ts';
import type { Loose } from './sound.ts';
import { durationRule } from './times.ts';

type LooseCheck = NonNullable<Loose<RawCheck>>;
type LooseInstance = NonNullable<Loose<RawInstance>>;

const kindRule = (path: Path, check: LooseCheck): Finding[] => {
  const label = labelOf(path);
  if ('command' in check && 'sql' in check)
    return [fault([...path, 'sql'], `${label} has both command and sql; keep one`, 'key')];
  if (!('command' in check) && !('sql' in check))
    return [fault(path, `${label} does not say what to ask: give it a command, or sql`)];
  return [];
};

/** Keys that mean nothing for this kind of check. */
const strayRule = (path: Path, check: LooseCheck): Finding[] => {
  const stray = (key: keyof LooseCheck, isStray: boolean, why: string): Finding[] =>
    isStray && key in check ? [fault([...path, key], `${labelOf(path)}.${key} ${why}`, 'key')] : [];
  const isCommand = 'command' in check;
  const isSqlite = 'sql' in check && 'path' in check;
  return [
    ...stray('path', isCommand, 'is for sql: it names an SQLite file'),
    ...stray('database', isCommand || isSqlite, 'is for sql that PostgreSQL answers'),
    ...stray('working_dir', !isCommand, 'is for a command'),
    ...stray('user', isSqlite, 'means nothing for an SQLite file'),
  ];
};

const valueRules = (path: Path, check: LooseCheck): Finding[] => {
  const label = labelOf(path);
  const found: Finding[] = [];
  if (check.command?.[0] === '')
    found.push(fault([...path, 'command', 0], `${label}.command[0] must not be empty: it is the program`));
  if (check.path !== undefined && (posix.normalize(check.path) !== check.path || check.path.endsWith('/')))
    found.push(
      fault(
        [...path, 'path'],
        `${label}.path must be the plain path of a file, without . or .. or a / at its end`,
      ),
    );
  if (check.working_dir !== undefined && !check.working_dir.startsWith('/'))
    found.push(
      fault([...path, 'working_dir'], `${label}.working_dir must be an absolute path in the container`),
    );
  const pattern = typeof check.expect === 'object' ? check.expect.matches : undefined;
  try {
    if (pattern !== undefined) new RegExp(pattern, 'u');
  } catch (error) {
    found.push(
      fault(
        [...path, 'expect', 'matches'],
        `${label}.expect.matches is no regular expression: ${messageOf(error)}`,
      ),
    );
  }
  return found;
};

/** The rules about the checks of one instance. */
export const checkRules = (instancePath: Path, instance: LooseInstance): Finding[] => {
  const path = [...instancePath, 'checks'];
  const named = new Map<string, Path>();
  return (instance.checks ?? []).flatMap((check, index) => {
    if (check === undefined) return [];
    const at = [...path, index];
    const earlier = check.name === undefined ? undefined : named.get(check.name);
    if (check.name !== undefined) named.set(check.name, earlier ?? at);
    return [
      ...(earlier === undefined
        ? []
        : [fault([...at, 'name'], `${labelOf(earlier)} and ${labelOf(at)} have the same name`)]),
      ...kindRule(at, check),
      ...strayRule(at, check),
      ...valueRules(at, check),
      ...durationRule([...at, 'timeout'], check.timeout, 'refused'),
    ];
  });
};
