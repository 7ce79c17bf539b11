const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** `*` is any text. */
const matches = (pattern: string, name: string): boolean =>
  new RegExp(`^${pattern.split('*').map(literally).join('.*')}$`, 's').test(name);

/**
 * Whether a pattern names a table: by its own name, with its schema in front, or with database and schema. A
 * part that does not exist (the schema of an SQLite table) is left out.
 */
export const isIgnored = (
  patterns: readonly string[],
  [database, schema, table]: readonly [string, string | undefined, string],
): boolean => {
  const short = schema === undefined ? [table] : [table, `${schema}.${table}`];
  const names = [...short, [database, schema, table].filter((part) => part !== undefined).join('.')];
  return patterns.some((pattern) => names.some((name) => matches(pattern, name)));
};
