import { StackBackupError } from '../base/errors.ts';
import { nearest } from '../base/text/nearest.ts';
import { printed } from './check/problem.ts';
import { isVerb } from './check/verbs.ts';

/** An instance of the configuration; its project is unknown while a variable for it is missing. */
export interface ConfiguredStack {
  readonly name: string;
  readonly project: string | undefined;
}

export interface Selection {
  readonly configured: readonly ConfiguredStack[];
  /** Names of the Compose projects that have containers. */
  readonly running: readonly string[];
  /** What was asked for on the command line. */
  readonly requested: readonly string[];
  readonly all: boolean;
}

export type Selected =
  | { readonly from: 'config'; readonly name: string }
  | { readonly from: 'running'; readonly project: string };

/** Project names come from labels, which anybody can write: only such a name may become part of a path. */
const isPlainName = (name: string): boolean => /^[a-z0-9][a-z0-9_-]{0,99}$/.test(name);

/**
 * The stacks that are meant, each once, in the order asked for. A name is an instance of the configuration,
 * else the project of one (so that its hooks are never left out by accident), else a running project.
 * `all` is every instance of the configuration, and without one every running project.
 * Throws `usage` when nothing is meant, `instance-unknown` with all names that are nothing.
 */
export const selectStacks = ({ configured, running, requested, all }: Selection): readonly Selected[] => {
  const projects = running.filter(isPlainName);
  if (all && requested.length > 0) {
    throw new StackBackupError('usage', '--all and the names of instances exclude each other', {
      next: 'Give one of them.',
    });
  }
  const asked = all ? namesOfAll(configured, projects) : requested;
  if (asked.length === 0) {
    throw new StackBackupError('usage', all ? 'there is no instance at all' : 'no instance was named', {
      next: `Name an instance or use --all. ${known(configured, projects)}`,
    });
  }
  const found = asked.map((name) => ({ name, selected: find(name, configured, projects) }));
  const unknown = found.filter(({ selected }) => selected === undefined).map(({ name }) => name);
  if (unknown.length > 0) throw unknownError(unknown, configured, projects);
  const once = new Map(
    found.flatMap(({ selected }) => (selected ? [[JSON.stringify(selected), selected]] : [])),
  );
  return [...once.values()];
};

const namesOfAll = (configured: readonly ConfiguredStack[], projects: readonly string[]) =>
  configured.length > 0 ? configured.map(({ name }) => name) : projects;

const find = (
  name: string,
  configured: readonly ConfiguredStack[],
  projects: readonly string[],
): Selected | undefined => {
  const instance =
    configured.find((stack) => stack.name === name) ?? configured.find((stack) => stack.project === name);
  if (instance) return { from: 'config', name: instance.name };
  return projects.includes(name) ? { from: 'running', project: name } : undefined;
};

const known = (configured: readonly ConfiguredStack[], projects: readonly string[]): string => {
  const list = (names: readonly string[]) => (names.length > 0 ? [...new Set(names)].join(', ') : 'none');
  const instances = list(configured.map(({ name }) => name));
  return `Configured instances: ${instances}. Running Compose projects: ${list(projects)}.`;
};

const unknownError = (
  unknown: readonly string[],
  configured: readonly ConfiguredStack[],
  projects: readonly string[],
): StackBackupError => {
  const candidates = [...configured.map(({ name }) => name), ...projects];
  const lines = unknown.map((name) => {
    if (isVerb(name)) return `there is no command ${name} yet, and no running project of that name`;
    const like = nearest(name, candidates);
    const hint = like === undefined ? '' : `; did you mean '${like}'?`;
    return `no instance and no running project is called ${printed(name)}${hint}`;
  });
  return new StackBackupError('instance-unknown', lines.join('\n'), {
    next: unknown.some(isVerb)
      ? '`stack-backup --help` lists the commands that there are.'
      : known(configured, projects),
    details: { unknown, instances: configured.map(({ name }) => name), projects },
  });
};
