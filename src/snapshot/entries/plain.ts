import { constants, createZstdDecompress, type ZstdDecompress } from 'node:zlib';

/**
 * The widest window that is taken, as a power of two: 16 MiB. Ours are 2 MiB; the file says how much memory
 * reading it takes, and whoever made it may have meant harm.
 */
const widestWindow = 24;

/** Turns zstd into what it was made of. */
export const decompressing = (): ZstdDecompress =>
  createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: widestWindow } });
