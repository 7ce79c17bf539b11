/** The words after `stack-backup` that are commands: an instance of that name could not be asked for. */
export const verbs = [
  'backup',
  'plan',
  'list',
  'show',
  'ls',
  'cat',
  'diff',
  'verify',
  'restore',
  'drill',
  'deploy',
  'prune',
  'pin',
  'history',
  'stats',
  'status',
  'recover',
  'schedule',
  'init',
  'doctor',
  'export',
  'import',
  'push',
  'pull',
  'salvage',
  'report',
  'completion',
  'help',
  'version',
] as const;

export type Verb = (typeof verbs)[number];

/** Whether the command line reads this word as a command. */
export const isVerb = (word: string): word is Verb => (verbs as readonly string[]).includes(word);
