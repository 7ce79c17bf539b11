import { fileURLToPath } from 'node:url';

/** The checkout: absolute, without a slash at the end. */
export const repository = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Where the program under test lies: a package of its own, so that `npm run build` is not in its way. */
export const builtHome = `${repository}/node_modules/.cache/stack-backup-tests`;

/** The program as it ships, in one bundle. */
export const builtProgram = `${builtHome}/package/dist/main.js`;

/** What is loaded into the program to watch it. As JavaScript: to strip types takes longer than a start. */
export const builtInject = `${builtHome}/package/inject.js`;
