/** What a terminal shows after these bytes: the few control codes that log-update and chalk write. */
export const screenOf = (written: string): readonly string[] => {
  const lines: string[][] = [[]];
  let row = 0;
  let column = 0;
  const lineAt = (at: number): string[] => {
    while (lines.length <= at) lines.push([]);
    return lines[at] as string[];
  };
  for (const [piece, parameter, command] of written.matchAll(/\x1b\[(\??[\d;]*)([A-Za-z])|[\s\S]/gu)) {
    const count = Math.max(1, Number(parameter || 1));
    if (command === undefined) {
      if (piece === '\n') {
        row += 1;
        column = 0; // the tty's onlcr
        lineAt(row);
      } else {
        lineAt(row)[column] = piece;
        column += 1;
      }
    } else if (command === 'A') row = Math.max(0, row - count);
    else if (command === 'B') row += count;
    else if (command === 'G') column = 0;
    else if (command === 'K') {
      if (parameter === '2') lineAt(row).length = 0;
      else lineAt(row).length = column;
    } else if (!['m', 'h', 'l'].includes(command))
      throw new Error(`the screen does not know ${JSON.stringify(piece)}`);
  }
  const shown = lines.map((line) =>
    Array.from(line, (character) => character ?? ' ')
      .join('')
      .trimEnd(),
  );
  return shown.slice(0, shown.findLastIndex((line) => line !== '') + 1);
};
