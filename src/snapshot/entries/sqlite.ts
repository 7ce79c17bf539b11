const magic = Buffer.from('SQLite format 3\0', 'latin1');

/** Bytes of a file's beginning that `isSqliteHeader` has to see. */
export const sqliteHeaderBytes = 24;

/**
 * Whether a file begins like an SQLite 3 database (sqlite.org/fileformat.html, 1.3): the magic string, a page
 * size that there is, and the three payload fractions, which are the same in every database. What merely begins
 * with the string is none.
 */
export const isSqliteHeader = (bytes: Uint8Array): boolean => {
  if (bytes.length < sqliteHeaderBytes) return false;
  for (let at = 0; at < magic.length; at++) if (bytes[at] !== magic[at]) return false;
  const size = (bytes[16] ?? 0) * 256 + (bytes[17] ?? 0);
  const isPageSize = size === 1 || (size >= 512 && size <= 32_768 && (size & (size - 1)) === 0);
  return isPageSize && bytes[21] === 64 && bytes[22] === 32 && bytes[23] === 32;
};
