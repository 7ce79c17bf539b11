import { request } from 'node:http';

/** The engine that the docker CLI would ask, too. */
const socketPath = (): string => {
  const host = process.env.DOCKER_HOST ?? '';
  return host.startsWith('unix://') ? host.slice('unix://'.length) : '/var/run/docker.sock';
};

const answerTo = (method: 'GET' | 'POST', path: string): Promise<readonly [status: number, text: string]> => {
  const { promise, resolve, reject } = Promise.withResolvers<readonly [number, string]>();
  const asked = request({ socketPath: socketPath(), method, path, agent: false }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    answer.once('end', () => resolve([answer.statusCode ?? 0, text])).once('error', reject);
  });
  asked.once('error', reject).end();
  return promise;
};

/** Has the engine do something with a container, and nothing between the two: what it costs is the engine's. */
export const tellEngine = async (id: string, what: 'start' | 'stop' | 'pause' | 'unpause'): Promise<void> => {
  const [status, text] = await answerTo('POST', `/containers/${id}/${what}`);
  if (status !== 204) throw new Error(`the engine answered ${status} to ${what}: ${text}`);
};

/**
 * What the engine answers to a GET; undefined when there is no such thing. For what is looked at hundreds of
 * times: the docker CLI costs ten times as much, for each question.
 */
const askEngine = async (path: string): Promise<unknown> => {
  const [status, text] = await answerTo('GET', path);
  if (status === 404) return undefined;
  if (status !== 200) throw new Error(`the engine answered ${status} to ${path}: ${text}`);
  return JSON.parse(text);
};

/** Filters as the docker CLI has them: `label`, `volume`, `name`, `reference`. */
export type Filters = Readonly<Record<string, string>>;

const withFilters = (path: string, filters: Filters): string => {
  const all = Object.entries(filters).map(([key, value]) => [key, [value]]);
  return `${path}filters=${encodeURIComponent(JSON.stringify(Object.fromEntries(all)))}`;
};

export interface ListedContainer {
  readonly Id: string;
  readonly State: string;
  readonly Status: string;
}

/** Containers in whatever state. */
export const listContainers = async (filters: Filters): Promise<readonly ListedContainer[]> =>
  (await askEngine(withFilters('/containers/json?all=1&', filters))) as readonly ListedContainer[];

const idsOf = (found: unknown): readonly string[] =>
  (found as readonly { readonly Id: string }[]).map(({ Id }) => Id);

/** Full ids of containers in whatever state. */
export const containerIds = async (filters: Filters): Promise<readonly string[]> =>
  idsOf(await listContainers(filters));

export const networkIds = async (filters: Filters): Promise<readonly string[]> =>
  idsOf(await askEngine(withFilters('/networks?', filters)));

/** Of this name, or of this name and tag. */
export const imageIds = async (reference: string): Promise<readonly string[]> =>
  idsOf(await askEngine(withFilters('/images/json?', { reference })));

export const volumeNames = async (filters: Filters): Promise<readonly string[]> => {
  const { Volumes } = (await askEngine(withFilters('/volumes?', filters))) as {
    readonly Volumes: readonly { readonly Name: string }[] | null;
  };
  return (Volumes ?? []).map(({ Name }) => Name);
};

/** Everything about containers by their ids, but for those that are gone meanwhile. */
export const inspectAll = async <T>(ids: readonly string[]): Promise<readonly T[]> => {
  const found = await Promise.all(ids.map((id) => askEngine(`/containers/${id}/json`)));
  return found.filter((one) => one !== undefined) as unknown as readonly T[];
};
