import type { YAMLError } from 'yaml';

/**
 * What a YAML error means, in plain words. The library's own messages are not used: they quote the file,
 * and a password that is not quoted correctly is just where such an error comes from.
 */
const words: Partial<Record<YAMLError['code'], string>> = {
  BAD_ALIAS: "a text that begins with '*' needs quotes, else it means a value named elsewhere",
  BAD_COLLECTION_TYPE: 'a tag that does not fit what follows it',
  BAD_DIRECTIVE: "a line that begins with '%' is not understood here",
  BAD_DQ_ESCAPE: 'a backslash in double quotes that means nothing: write it twice, or use single quotes',
  BAD_INDENT: 'the indentation does not fit the lines above, or a bracket is not closed',
  BAD_SCALAR_START: 'a text that begins with this character needs quotes',
  BLOCK_AS_IMPLICIT_KEY:
    "a map begins inside a line: indent the keys alike, and put a text that holds ': ' in quotes",
  BLOCK_IN_FLOW: 'an indented list or map cannot stand inside [ ] or { }',
  DUPLICATE_KEY: 'this key stands twice in the same map',
  MISSING_CHAR: "a closing quote or bracket, a comma, or the space after ':' or '-' is missing",
  MULTILINE_IMPLICIT_KEY: "a key must stand on one line and be followed by ':'",
  MULTIPLE_DOCS: "a second document begins here ('---'): the file must hold one",
  NON_STRING_KEY: 'a key must be text',
  RESOURCE_EXHAUSTION: 'lists and maps are nested too deeply',
  TAB_AS_INDENT: 'a tab cannot indent YAML: use spaces',
  TAG_RESOLVE_FAILED: "a text that begins with '!' needs quotes, else it means a type",
  UNEXPECTED_TOKEN: 'something that does not belong here, perhaps a bracket or quote too many',
};

/** The plain words for the code of a YAML error or warning. */
export const explainSyntax = (code: YAMLError['code']): string =>
  `not valid YAML: ${words[code] ?? `this part is not understood (${code})`}`;
