const slash = 0x2f;

/** A path of an entry as an argument, with its NUL: never an option, and the root has a name. */
export const argumentOf = (path: Buffer): Buffer =>
  path.length === 0 ? Buffer.from('.\0') : Buffer.concat([Buffer.from('./'), path, Buffer.from([0])]);

/** The folder an entry lies in; that of the root is the root. */
export const parentOf = (path: Buffer): Buffer => path.subarray(0, Math.max(0, path.lastIndexOf(slash)));

/** The absolute path of an entry below `root`. */
export const below = (root: string, path: Buffer): Buffer =>
  path.length === 0 ? Buffer.from(root) : Buffer.concat([Buffer.from(`${root}/`), path]);

/** Whether a path lies in this folder, at any depth. */
export const isBelow = (path: Buffer, folder: Buffer | undefined): boolean =>
  folder !== undefined &&
  path.length > folder.length &&
  path[folder.length] === slash &&
  path.subarray(0, folder.length).equals(folder);
