import { createHash } from 'node:crypto';
import { singleDollars } from '../labels.ts';

/** What of a service can change without its containers being made anew. */
const unhashed = new Set(['build', 'pull_policy', 'scale', 'depends_on', 'profiles']);

type Json = Readonly<Record<string, unknown>>;

const withoutReplicas = ({ replicas: _, ...deploy }: Json): Json => deploy;

/** Go writes JSON so that it may stand in HTML. */
const quoted = (text: string): string =>
  JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** As Compose writes it. JavaScript puts keys that are numbers first, Go sorts them with the others. */
const written = (value: unknown): string => {
  if (typeof value === 'string') return quoted(singleDollars(value));
  if (Array.isArray(value)) return `[${value.map(written).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, one]) => [singleDollars(key), one] as const);
  const isSorted = entries.some(([key]) => /^\d+$/.test(key));
  const inOrder = isSorted ? entries.toSorted(([a], [b]) => (a < b ? -1 : 1)) : entries;
  return `{${inOrder.map(([key, one]) => `${quoted(key)}:${written(one)}`).join(',')}}`;
};

/**
 * The hash of a service of a resolved model as Compose 2 labels its containers with it. Where it equals the label,
 * the container was made from this very text: env files are part of it, which `docker compose config --hash` leaves
 * out. Where it does not, another Compose may have another way to hash, or numbers that JavaScript writes otherwise
 * may stand in it: then Compose has to be asked. Pure.
 */
const configHashOf = (service: Json): string => {
  const hashed = Object.entries(service)
    .filter(([key]) => !unhashed.has(key))
    .map(([key, value]) => [key, key === 'deploy' ? withoutReplicas(value as Json) : value] as const);
  return createHash('sha256')
    .update(written(Object.fromEntries(hashed)))
    .digest('hex');
};

/** Whether the model has this service, and with this hash. */
export const isSurelyThat = (model: unknown, service: string, hash: string | undefined): boolean => {
  const services = (model as { readonly services?: Readonly<Record<string, Json>> } | null)?.services ?? {};
  const found = Object.hasOwn(services, service) ? services[service] : undefined;
  return found !== undefined && configHashOf(found) === hash;
};
