/** The environment variables that a value may name. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Interpolated {
  readonly text: string;
  /** Variables named without a default and not set; their places in `text` are empty. */
  readonly missing: readonly string[];
  /** What is wrong with the way it is written; it quotes nothing of the text, which may be a secret. */
  readonly malformed?: string;
}

const reference = /\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\{)/g;

/**
 * Puts variables into a text: `${VAR}`, `${VAR:-default}` (used when VAR is unset or empty, as in a shell),
 * and `$$` for one dollar sign. Any other dollar sign stands for itself. A default is plain text: it may
 * hold `$$`, not another variable. What a variable brings in is not looked at again.
 */
export const interpolate = (text: string, env: Environment): Interpolated => {
  const missing: string[] = [];
  let malformed: string | undefined;
  const result = text.replace(reference, (all, name: string | undefined, fallback: string | undefined) => {
    if (all === '$$') return '$';
    if (name === undefined) {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how it is written in the file
      malformed = 'a variable is written ${NAME} or ${NAME:-default}; write $$ for a plain dollar sign';
      return '';
    }
    if (fallback?.includes('${')) {
      malformed = 'the default of a variable cannot hold another variable; write $$ for a plain dollar sign';
      return '';
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (fallback !== undefined) return value ? value : fallback.replaceAll('$$', '$');
    if (value === undefined) missing.push(name);
    return value ?? '';
  });
  return malformed === undefined ? { text: result, missing } : { text: result, missing, malformed };
};

/** `text` written so that `interpolate` gives it back unchanged. */
export const escapeDollars = (text: string): string => text.replaceAll('$', '$$$$');
