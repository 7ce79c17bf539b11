import { isAbsolute, posix, relative } from 'node:path';
import { parse } from 'yaml';
import { isVerb } from './check/verbs.ts';
import { escapeDollars } from './file/interpolate.ts';

/** One service of a running project, as `init` sees it. Names and images come from labels: untrusted. */
interface SampleService {
  readonly name: string;
  readonly image: string;
  /** Its image or its data says that it is a PostgreSQL server. */
  readonly hasPostgres: boolean;
}

/** What the first configuration is written from. Paths are absolute. */
export interface SampleStack {
  /** A name that Compose accepts. */
  readonly project: string;
  /** The folder in which the configuration will lie. */
  readonly folder: string;
  readonly composeFiles: readonly string[];
  readonly envFile?: string;
  readonly services: readonly SampleService[];
  /** SQLite files seen in the services' mounts; `path` is the path in the container. */
  readonly sqlite: readonly { readonly service: string; readonly path: string }[];
  /** Path or URL of config.schema.json, for the editor. */
  readonly schema: string;
}

/** A text as one YAML word or quoted text on one line, with nothing in it taken for a variable. */
const yamlText = (text: string): string => {
  const escaped = escapeDollars(text);
  // Plain only where it is a word or a path that no reader of YAML takes for anything else.
  if (/^(\.{0,2}\/)*[a-zA-Z_][\w./-]*$/.test(escaped) && parse(escaped) === escaped) return escaped;
  return JSON.stringify(escaped).replace(/[\u007f-\u009f\u2028\u2029\ufeff]/g, unicodeEscape);
};

const unicodeEscape = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A text that cannot end the comment it stands in, nor draw on a terminal. */
const commentText = (text: string): string => text.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?');

const isServiceName = (name: string): boolean => /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,200}$/.test(name);

const isPlainFile = (path: string): boolean =>
  isAbsolute(path) && !path.includes('\0') && posix.normalize(path) === path && !path.endsWith('/');

/** The shortest way to write a path from the folder of the configuration; itself where that is far away. */
const near = (folder: string, path: string): string => {
  const inside = relative(folder, path);
  return inside === '' || inside.startsWith('../..') ? path : inside;
};

/** A project may be called like a command; its instance may not. */
const instanceName = (project: string): string => (isVerb(project) ? `${project}-stack` : project);

const hookLines = ({ services, sqlite }: SampleStack): readonly string[] => {
  const postgres = services.filter(({ name, hasPostgres }) => hasPostgres && isServiceName(name));
  const files = sqlite.filter(({ service, path }) => isServiceName(service) && isPlainFile(path));
  return [
    ...postgres.flatMap(({ name, image }) => [
      `      - kind: postgres            # pg_dump of every database, and the roles (${commentText(image)})`,
      `        service: ${yamlText(name)}`,
    ]),
    ...files.flatMap(({ service, path }) => [
      '      - kind: sqlite              # check, fold the write-ahead log in, save a copy',
      `        service: ${yamlText(service)}`,
      `        path: ${yamlText(path)}`,
    ]),
  ];
};

/** The lines that are in force: what is known of this project. */
const activeLines = (stack: SampleStack): readonly string[] => {
  const { project, folder, composeFiles, envFile } = stack;
  const name = instanceName(project);
  const hooks = hookLines(stack);
  const files = [...new Set(composeFiles.map((file) => yamlText(near(folder, file))))].join(', ');
  return [
    'backups: ./backups                # each snapshot is a folder in here',
    'instances:',
    `  ${yamlText(name)}:`,
    ...(name === project ? [] : [`    project: ${yamlText(project)}`]),
    ...(composeFiles.length > 0 ? [`    compose_files: [${files}]`] : []),
    ...(envFile === undefined ? [] : [`    env_file: ${yamlText(near(folder, envFile))}`]),
    '    quiesce: stop                 # stop | pause | none: how services are held still',
    ...(hooks.length > 0 ? ['    hooks:', ...hooks] : []),
  ];
};

/** Everything else that can be set, as comments: remove the `# ` to use a line. */
const furtherLines = (stack: SampleStack): readonly string[] => {
  const service = stack.services.find(({ name }) => isServiceName(name))?.name ?? 'web';
  return [
    '',
    '    ## More settings; remove one "# " to use them.',
    '    # timezone: Europe/Berlin     # of the time in a snapshot name; default: TZ, else this machine',
    '    # exclude: [cache-*]          # volumes (by name) and binds (by host path) to leave out',
    '    # logs: true                  # keep the logs of the services too',
    '    # limits:',
    '    #   health: 2m                # how long a healthy service may take to be healthy again',
    '    #   downtime: 5s              # warn when a service is down for longer',
    '    #   max_downtime: 10m         # give up the copy before services are down this long',
    '    #   engine: 10m               # how long to wait for an engine that has gone away',
    '    #   read_rate: 50MB/s         # read no faster while the services run',
    '    # services:',
    `    #   ${yamlText(service)}:`,
    '    #     quiesce: none           # keep this one running; then only its dumps can be trusted',
    '',
    '    ## More hooks belong into the list above, for example a command in a service:',
    '    ##   - kind: command',
    `    ##     service: ${yamlText(service)}`,
    '    ##     command: [sh, -c, "my-export > /data/export.json"]',
    '    ##     timeout: 5m',
    '    ##     on_failure: warn',
  ];
};

/**
 * A first backup.config.yaml for a running project: what is known of it in force, the rest as comments. It
 * is valid under schemas/config.schema.json whatever the project's names hold; what cannot be written
 * there (a service with an impossible name) is left out.
 */
export const writeSample = (stack: SampleStack): string =>
  [
    `# yaml-language-server: $schema=${commentText(stack.schema)}`,
    `# Snapshots of the Compose project ${commentText(stack.project)}. See what would happen: stack-backup plan ${instanceName(stack.project)}`,
    ...activeLines(stack),
    ...furtherLines(stack),
    '',
  ].join('\n');
