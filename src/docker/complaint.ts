/** What a quoted word is the name of, where Compose says so in front of it. */
const introduced = /\b(?:service|volume|network|secret|config|profile|extension|properties)s? $/;

/** Where a key stands in the file, as Compose's decoder writes it. */
const keyPath = /^services\[[\w.-]+\](?:\.[\w.[\]-]+)?$/;

/**
 * A complaint of `docker compose` without the values that it quotes: an env file or a template that is not
 * written correctly is quoted by Compose as it stands, and what stands there is often a password. Names of
 * files, keys and services stay. A quote that is never closed goes to the end.
 */
export const withoutValues = (text: string): string => {
  // The template follows its key on lines of its own, without quotes.
  const cut = text.replace(/(invalid interpolation format for [^\s:]+?)\.?(?:\s[\s\S]*|$)/, '$1');
  return cut.replace(/(["'`])(?:[^"'`]*?\1|[\s\S]*$)/g, (quoted: string, mark: string, at: number) => {
    const inner = quoted.slice(1, -1);
    const isName = introduced.test(cut.slice(0, at)) && /^[\w.-]+$/.test(inner);
    return quoted.endsWith(mark) && (isName || keyPath.test(inner)) ? quoted : `${mark}…${mark}`;
  });
};
