import { repository } from './built.ts';

/**
 * For programs of ours that tests start: what Node makes of their sources is made once, not for each. Vitest turns
 * that off for its workers, whose coverage would suffer, and with them for all that they start; a worker itself has
 * begun when this is set.
 */
delete process.env.NODE_DISABLE_COMPILE_CACHE;
process.env.NODE_COMPILE_CACHE = `${repository}/node_modules/.cache/compiled`;
