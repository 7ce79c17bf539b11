const mask = '<redacted>';
const secretName = /pass|secret|token|key|cred|auth|dsn|url|uri|salt|private/i;

/** Whether a name (of a variable, an option) suggests that its value is secret. */
export const isSecretName = (name: string): boolean => secretName.test(name);

/** Whether a value is one that was masked. */
export const isMasked = (value: string): boolean => value === mask;

/** Whether something in a text was masked. */
export const holdsMask = (text: string): boolean => text.includes(mask);

/** Shorter values (`1`, `true`, `db`) stand everywhere by chance. */
const shortestSecret = 6;

type Json = unknown;

const isRecord = (value: Json): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Values of all environment entries whose name suggests a secret, wherever they stand in the model. */
const secretValues = (value: Json, found: Set<string> = new Set()): Set<string> => {
  if (Array.isArray(value)) for (const item of value) secretValues(item, found);
  if (!isRecord(value)) return found;
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner === 'string' && secretName.test(key) && inner.length >= shortestSecret) found.add(inner);
    secretValues(inner, found);
  }
  return found;
};

const mapStrings = (value: Json, change: (text: string) => string): Json => {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, change));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mapStrings(inner, change)]));
};

/** Every value of `environment`, `args` and inline `content` masked; the names stay, to be filled in again. */
const maskEntries = (value: Json, parent = ''): Json => {
  if (Array.isArray(value)) return value.map((item) => maskEntries(item, parent));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const isMasked =
        parent === 'environment' || parent === 'args' || (key === 'content' && typeof inner === 'string');
      return [key, isMasked && inner !== null ? mask : maskEntries(inner, key)];
    }),
  );
};

/**
 * A compose model that may be written down: environment values, build arguments and inline contents are
 * masked, and the value of anything named like a secret is masked wherever else it was interpolated.
 */
export const redactModel = (model: Json): Json => {
  const secrets = [...secretValues(model)].sort((a, b) => b.length - a.length);
  const clean = (text: string): string =>
    secrets.reduce((left, secret) => left.replaceAll(secret, mask), text);
  return mapStrings(maskEntries(model), clean);
};

/** The text of an env file with every value masked; names and comments stay. */
export const redactEnvFile = (text: string): string =>
  text
    .split('\n')
    .map((line) => {
      if (/^\s*(#|$)/.test(line)) return line;
      const name = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*[=:]/.exec(line)?.[1];
      // Anything else may be the rest of a quoted value that spans lines.
      return name === undefined ? mask : `${name}=${mask}`;
    })
    .join('\n');

/** Driver options without passwords (`o: username=u,password=p` of a CIFS share). */
export const redactOptions = (options: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [
      key,
      secretName.test(key) && key !== 'device'
        ? mask
        : value.replaceAll(/\b(pass\w*|secret\w*|credentials)=[^,]*/gi, `$1=${mask}`),
    ]),
  );
