import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ErrorCode } from '../../src/base/errors.ts';
import { loadSchema } from '../../src/base/schema.ts';
import { historyPath, journalsPath, temporariesPath } from '../../src/snapshot/layout.ts';
import {
  type ContainerState,
  runTool,
  type ScratchStack,
  scratchStack,
  states,
  type ToolResult,
  watchEvents,
} from './scratch.ts';
import { fingerprint } from './untouched.ts';

/** Passwords that stand where a stack keeps them. None of them may ever be said. */
export const passwords = {
  config: 'pw-0f-the-c0nfiguration',
  envFile: 'pw-0f-the-env-file',
  compose: 'pw-0f-the-c0mpose-file',
} as const;

/** One service that runs and one that was stopped; both stop at once when they are told to. */
const compose = `
services:
  app:
    image: debian:bookworm-slim
    init: true
    command: [sleep, infinity]
    environment:
      DB_PASSWORD: \${DB_PASSWORD}
      API_TOKEN: ${passwords.compose}
    volumes: [data:/data, ./files:/files]
  idle:
    image: debian:bookworm-slim
    init: true
    command: [sleep, infinity]
volumes:
  data:
`;

export interface Attempt {
  /** Arguments of the tool. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly through?: readonly string[];
  /** Default: the stack's folder. */
  readonly cwd?: string;
}

/** What a refused attempt must be told. Texts are looked for as they are; \`@\` is the stack's folder. */
export interface Refusal {
  readonly exit: number;
  readonly code: ErrorCode;
  /** What is wrong, and where. */
  readonly says: readonly (string | RegExp)[];
  /** What to do about it. */
  readonly next: string | RegExp;
}

/** A refusal that only work brings to light: before the stop, and with a line in the history. */
export interface Failing extends Refusal {
  readonly config: string;
}

export interface BadInput extends Refusal {
  readonly what: string;
  /** Lines below `shop:`; default: a postgres hook with its password. */
  readonly shop?: string;
  /** The whole configuration instead; `{project}` is the Compose project. */
  readonly config?: string;
  /** Default: `shop`. */
  readonly args?: readonly string[];
  readonly env?: Attempt['env'];
  readonly through?: readonly string[];
}

export interface Told {
  readonly type: string;
  readonly code?: string;
  readonly message?: string;
  readonly next?: string;
  readonly outcome?: string;
}

const validEvent = loadSchema('event.schema.json');

/** Standard output of `--json`: every line is an event by its schema. */
export const eventsIn = ({ stdout }: ToolResult): readonly Told[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const event = JSON.parse(line) as Told;
      expect(validEvent(event), `${line} ${JSON.stringify(validEvent.errors)}`).toBe(true);
      return event;
    });

const mustHold = (text: string, parts: readonly (string | RegExp)[]): void => {
  for (const part of parts)
    if (typeof part === 'string') expect(text).toContain(part);
    else expect(text).toMatch(part);
};

/** The configuration of the bench with these lines below its instance `shop`. */
export const configWith = (lines: string): string => `\
backups: ./backups
timezone: UTC
instances:
  shop:
    project: {project}
    compose_files: [compose.yaml]
    env_file: stack.env
${lines}`;

export const postgresHook = `\
    hooks:
      - kind: postgres
        service: app
        password: ${passwords.config}
`;

/**
 * A stack to try bad input on. It is up once for all tests of a file; that nothing of it was touched is
 * proved after each attempt.
 */
export class Bench implements AsyncDisposable {
  readonly stack: ScratchStack;
  readonly backups: string;
  readonly #watch: Awaited<ReturnType<typeof watchEvents>>;
  readonly #before: readonly ContainerState[];
  #seen = 0;

  private constructor(
    stack: ScratchStack,
    watch: Awaited<ReturnType<typeof watchEvents>>,
    before: readonly ContainerState[],
  ) {
    this.stack = stack;
    this.backups = join(stack.folder, 'backups');
    this.#watch = watch;
    this.#before = before;
  }

  static async open(files: Readonly<Record<string, string>> = {}): Promise<Bench> {
    const stack = await scratchStack(compose, {
      files: { 'stack.env': `DB_PASSWORD=${passwords.envFile}\n`, 'files/here': 'here\n', ...files },
    });
    try {
      await stack.compose('--env-file', 'stack.env', 'up', '-d', '--pull', 'never', '--no-build');
      await stack.compose('--env-file', 'stack.env', 'stop', 'idle');
      const watch = await watchEvents(stack.project);
      return new Bench(stack, watch, await states(stack.project));
    } catch (error) {
      await stack.down();
      throw error;
    }
  }

  configure(text: string): Promise<string> {
    return this.stack.write('backup.config.yaml', text.replaceAll('{project}', this.stack.project));
  }

  /** Runs the tool in the stack's folder. What it says must hold no password. */
  async run({ args, ...options }: Attempt): Promise<ToolResult> {
    const ended = await runTool(args, { cwd: this.stack.folder, killAfterMs: 60_000, ...options });
    for (const password of Object.values(passwords))
      expect(`${ended.stdout}${ended.stderr}`, 'a password was said').not.toContain(password);
    return ended;
  }

  /** While `work` runs no container is touched, and (unless it says otherwise) nothing in the backups. */
  async untouched<T>(work: () => Promise<T>, folder: string = this.backups): Promise<T> {
    const before = await fingerprint(folder);
    const result = await work();
    await this.containersUntouched();
    expect(await fingerprint(folder), 'the backups folder').toEqual(before);
    return result;
  }

  /** Fails when the engine did anything with a container since the start, or one is not as it was then. */
  async containersUntouched(): Promise<void> {
    const [events, now] = await Promise.all([this.#watch.seen(), states(this.stack.project)]);
    const fresh = events.slice(this.#seen);
    this.#seen = events.length;
    expect(fresh, 'what the engine did').toEqual([]);
    expect(now).toEqual(this.#before);
  }

  /** A text of a refusal with the stack's own names in it. */
  #own(part: string | RegExp): string | RegExp {
    return typeof part === 'string'
      ? part.replaceAll('@', this.stack.folder).replaceAll('{project}', this.stack.project)
      : part;
  }

  /** A refusal for people: on standard error, with the message, the next step and this exit code. */
  refusedInWords(ended: ToolResult, refusal: Refusal): void {
    expect(ended, ended.stderr).toMatchObject({ exitCode: refusal.exit });
    mustHold(ended.stderr, [...refusal.says, refusal.next].map(this.#own, this));
  }

  /** The same for machines: events by their schema, one of them the error. */
  refusedInJson(ended: ToolResult, refusal: Refusal): readonly Told[] {
    const events = eventsIn(ended);
    expect(ended, ended.stdout).toMatchObject({ exitCode: refusal.exit });
    const errors = events.filter((event) => event.type === 'error');
    expect(errors.map((error) => error.code)).toEqual([refusal.code]);
    mustHold(errors[0]?.message ?? '', refusal.says.map(this.#own, this));
    mustHold(errors[0]?.next ?? '', [this.#own(refusal.next)]);
    return events;
  }

  /**
   * Tries it twice at the same time, once for people and once with `--json`, and proves that both were
   * refused and nothing was touched. `words` replaces the arguments for people: two runs of an instance
   * exclude each other, a dry run and a run do not.
   */
  async refuses(bad: BadInput, words: readonly string[] = bad.args ?? ['shop']): Promise<void> {
    await this.configure(bad.config ?? configWith(bad.shop ?? postgresHook));
    const { args = ['shop'], env, through } = bad;
    const options = { ...(env && { env }), ...(through && { through }) };
    const [plain, json] = await this.untouched(() =>
      Promise.all([
        this.run({ args: words, ...options }),
        this.run({ args: [...args, '--json'], ...options }),
      ]),
    );
    this.refusedInWords(plain, bad);
    this.refusedInJson(json, bad);
  }

  /** The run failed, its line stands in the history without any password, and nothing else is left of it. */
  async #onlyHistory(code: ErrorCode): Promise<void> {
    const validLine = loadSchema('history.schema.json');
    expect(await readdir(this.backups)).toEqual(['.stack-backup']);
    for (const folder of [temporariesPath(this.backups), journalsPath(this.backups)])
      expect(await readdir(folder), folder).toEqual([]);
    const history = await readFile(historyPath(this.backups), 'utf8');
    for (const password of Object.values(passwords)) expect(history).not.toContain(password);
    for (const text of history.trimEnd().split('\n')) {
      const line: unknown = JSON.parse(text);
      expect(validLine(line), JSON.stringify(validLine.errors)).toBe(true);
      expect(line).toMatchObject({ outcome: 'failed', error: { code }, bytes: 0, downtimeMs: 0 });
    }
  }

  /** Runs it for people and for machines, one after the other: both fail before anything is stopped. */
  async fails({ config, ...refusal }: Failing): Promise<readonly [plain: ToolResult, json: ToolResult]> {
    await this.configure(config);
    const plain = await this.run({ args: ['shop'] });
    const json = await this.run({ args: ['shop', '--json'] });
    await this.containersUntouched();
    this.refusedInWords(plain, refusal);
    const events = this.refusedInJson(json, refusal);
    expect(events.at(-1)).toMatchObject({ type: 'run-finished', outcome: 'failed' });
    expect(plain.stdout).toMatch(/^✗ shop {2}failed · no snapshot · services as before · no downtime/);
    await this.#onlyHistory(refusal.code);
    return [plain, json];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#watch[Symbol.asyncDispose]();
    } finally {
      await this.stack.down();
    }
  }
}
