/** `"name"` as PostgreSQL writes an identifier that could be anything. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A string constant, whatever `standard_conforming_strings` says. */
export const literal = (text: string): string =>
  `${text.includes('\\') ? ' E' : ''}'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

interface Token {
  readonly kind: 'word' | 'name' | 'end' | 'meta' | 'other';
  readonly text: string;
  readonly at: number;
}

/** One statement of a script: its text, comments and all, and its words and names in their order. */
export interface Statement {
  readonly text: string;
  readonly tokens: readonly Token[];
}

/**
 * The lexical structure of what pg_dump, pg_restore and pg_dumpall write (PostgreSQL manual, "Lexical
 * Structure"): comments, escape strings, strings, quoted names, dollar quotes, words, the end of a statement.
 */
const lexeme =
  /(--[^\n]*|\s+)|([eE]'(?:[^'\\]|\\[\s\S]|'')*')|('(?:[^']|'')*')|("(?:[^"]|"")*")|((\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)[\s\S]*?\6)|([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(;)|([\s\S])/y;

const tokenAt = (match: RegExpExecArray, atStart: boolean): Token | undefined => {
  const [text, space, , , name, , , word, end, other] = match;
  const at = match.index;
  if (space !== undefined) return undefined;
  if (name !== undefined) return { kind: 'name', text: name.slice(1, -1).replaceAll('""', '"'), at };
  if (word !== undefined) return { kind: 'word', text: word, at };
  if (end !== undefined) return { kind: 'end', text: ';', at };
  // Outside of quotes a backslash is a command to psql, and so to whoever runs psql.
  if (other === '\\') return { kind: atStart ? 'meta' : 'other', text: '\\', at };
  return { kind: 'other', text: text.slice(0, 1), at };
};

/**
 * Takes the script of a dump program apart into its statements. psql's own commands (`\connect`) are left out,
 * and so is a statement with a backslash outside of quotes: nothing of a dump may speak to psql.
 */
export const statementsOf = (script: string): readonly Statement[] => {
  const found: Statement[] = [];
  let tokens: Token[] = [];
  let from = 0;
  lexeme.lastIndex = 0;
  while (lexeme.lastIndex < script.length) {
    const match = lexeme.exec(script) as RegExpExecArray;
    const token = tokenAt(match, tokens.length === 0);
    if (token?.kind === 'meta') {
      const line = script.indexOf('\n', token.at);
      from = line < 0 ? script.length : line + 1;
      lexeme.lastIndex = from;
    } else if (token?.kind === 'end') {
      const clean = tokens.every((one) => one.kind !== 'other' || one.text !== '\\');
      const start = tokens[0]?.at ?? from;
      if (clean && tokens.length > 0)
        found.push({
          text: script.slice(start, token.at + 1),
          tokens: tokens.map((one) => ({ ...one, at: one.at - start })),
        });
      tokens = [];
      from = token.at + 1;
    } else if (token !== undefined) tokens.push(token);
  }
  return found;
};

const isName = (token: Token | undefined, name?: string): token is Token =>
  (token?.kind === 'word' || token?.kind === 'name') && (name === undefined || token.text === name);

/** The dump programs write keywords in capitals, and no name in capitals without quotes. */
const isWord = (token: Token | undefined, word: string): boolean =>
  token?.kind === 'word' && token.text === word;

const aboutDatabases = new Set(['CREATE', 'ALTER', 'COMMENT', 'GRANT', 'REVOKE', 'SECURITY']);

/**
 * The statements that make a database and give it owner, settings, comment and rights, with another name for
 * it. `create` comes first, then `owner`; `rest` should come when its data is there: settings of a database
 * can make it read-only.
 */
export const databaseStatements = (
  script: string,
  name: string,
  asName: string,
): {
  readonly create: string | undefined;
  readonly owner: readonly string[];
  readonly rest: readonly string[];
} => {
  let create: string | undefined;
  const owner: string[] = [];
  const rest: string[] = [];
  for (const { text, tokens } of statementsOf(script)) {
    if (tokens[0]?.kind !== 'word' || !aboutDatabases.has(tokens[0].text)) continue;
    const at = tokens.findIndex((one, index) => isWord(one, 'DATABASE') && isName(tokens[index + 1], name));
    const named = tokens[at + 1];
    if (at < 0 || named === undefined) continue;
    const length = named.kind === 'word' ? named.text.length : identifier(named.text).length;
    const renamed = text.slice(0, named.at) + identifier(asName) + text.slice(named.at + length);
    if (isWord(tokens[0], 'CREATE')) create ??= renamed;
    else if (isWord(tokens[at + 2], 'OWNER')) owner.push(renamed);
    else rest.push(renamed);
  }
  return { create, owner, rest };
};

/** The roles that a dump of the globals makes. */
export const rolesIn = (globals: string): readonly string[] =>
  statementsOf(globals).flatMap(({ tokens }) =>
    isWord(tokens[0], 'CREATE') && isWord(tokens[1], 'ROLE') && isName(tokens[2]) ? [tokens[2].text] : [],
  );

/** Whose attributes or memberships a statement of a dump of the globals sets; undefined for anything else. */
const roleOf = ({ tokens }: Statement): string | undefined => {
  const [verb, second, third, fourth] = tokens;
  if ((isWord(verb, 'CREATE') || isWord(verb, 'ALTER')) && isWord(second, 'ROLE') && isName(third))
    return tokens.some((one) => isWord(one, 'DATABASE')) ? undefined : third.text;
  if (isWord(verb, 'COMMENT') && isWord(third, 'ROLE') && isName(fourth)) return fourth.text;
  if (isWord(verb, 'GRANT') && isName(second) && isWord(third, 'TO') && isName(fourth)) return fourth.text;
  return undefined;
};

/** What a dump of the globals says of these roles and no other: how to make them, and what they belong to. */
export const roleStatements = (globals: string, roles: ReadonlySet<string>): readonly string[] =>
  statementsOf(globals).flatMap((statement) => {
    const role = roleOf(statement);
    return role !== undefined && roles.has(role) ? [statement.text] : [];
  });
