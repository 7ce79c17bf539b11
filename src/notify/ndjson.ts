import { guard, isProgress, type Listener, type Output } from './listener.ts';

/**
 * One event a line, as JSON (schemas/event.schema.json). Progress is left out while the reader is behind;
 * everything else is always written.
 */
export const ndjsonListener = (stdout: Output): Listener => {
  guard(stdout);
  return {
    on: (event) => {
      if (isProgress(event) && stdout.writableNeedDrain === true) return;
      stdout.write(`${JSON.stringify(event)}\n`);
    },
    close: () => {},
  };
};
