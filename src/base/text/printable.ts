/**
 * Everything that a terminal would act on or not show: controls (C0, C1, DEL), format characters
 * (bidirectional overrides, zero-width ones), line and paragraph separators, lone surrogates and other
 * invisible code points. The emoji variation selector is harmless and stays.
 */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const escaped = (character: string): string => {
  if (character === '\uFE0F') return character;
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code <= 0xff) return short[character] ?? `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
};

/**
 * `text` as it may be shown to a person: names come from containers and archives, so what could move the
 * cursor, set colours, reorder or hide text is spelled out (`\n`, `\x1b`, `\u202e`). One line always.
 */
export const printable = (text: string): string => text.replace(unseen, escaped);

/** `text` split at its line ends, each line printable; blank ones left out. For messages of programs. */
export const printableLines = (text: string): readonly string[] =>
  text
    .split(/\r\n|\n|\r/)
    .map((line) => printable(line).trimEnd())
    .filter((line) => line.trim() !== '');
