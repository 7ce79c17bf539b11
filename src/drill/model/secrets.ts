import { createHmac } from 'node:crypto';
import { isSecretName } from '../../stack/redact.ts';
import { environmentOf } from './keys.ts';
import { servicesOf, withSingleDollars } from './read.ts';
import type { Json } from './types.ts';

/** Whether services get what is secret of the original: nothing, all of it, or what is named. */
export type SecretsAllowed = 'none' | 'all' | readonly string[];

export const allows = (allowed: SecretsAllowed, name: string): boolean =>
  allowed === 'all' || (allowed !== 'none' && allowed.includes(name));

/** Words that a setting with an alarming name often has, and paths: nothing that has to be hidden. */
const harmless = /^(|true|false|yes|no|on|off|none|default|md5|scram-sha-256|trust|basic|\d{1,5}|\/.*)$/i;
/** Shorter ones stand everywhere by chance: they are replaced only where they are all of a value. */
const shortestInText = 6;

/** `scheme://user:password@host`: of an address only the password is secret. */
const passwordIn = (text: string): string | undefined =>
  /^[a-z][a-z0-9+.-]*:\/\/[^/@:\s]*:([^/@\s]+)@/i.exec(text)?.[1];

const isAddress = (text: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(text);

const secretIn = (name: string, value: string): string | undefined => {
  if (isAddress(value)) return passwordIn(value);
  return isSecretName(name) && !harmless.test(value) ? value : undefined;
};

/**
 * A value to throw away: made of the original's and a key that only this drill has, so that two services that
 * share a password still do, and nobody can tell from it what it was.
 */
export const throwAway = (key: Buffer, value: string): string =>
  createHmac('sha256', key).update(value).digest('hex').slice(0, 32);

/** What is put in the place of secrets. */
export interface Disguise {
  /** The value that a variable gets. */
  variable(name: string, value: string): string;
  /** A text (a command, a health check) without the secrets that it quotes. */
  text(text: string): string;
}

const variablesOf = (model: Json): readonly (readonly [string, string])[] =>
  [...servicesOf(withSingleDollars(model)).values()].flatMap((service) =>
    Object.entries(environmentOf(service.environment)),
  );

/**
 * The secrets of a model that other texts may quote, longest first. What a variable with an innocent name holds
 * as well (a user who is called like the password) cannot be told from it, and stays.
 */
const quotable = (model: Json, allowed: SecretsAllowed): readonly string[] => {
  const variables = variablesOf(model);
  const isHidden = ([name, value]: readonly [string, string]): boolean =>
    !allows(allowed, name) && secretIn(name, value) !== undefined;
  const open = new Set(variables.filter((one) => !isHidden(one)).map(([, value]) => value));
  const secrets = variables.filter(isHidden).flatMap(([name, value]) => secretIn(name, value) ?? []);
  return [...new Set(secrets)]
    .filter((secret) => secret.length >= shortestInText && !open.has(secret))
    .sort((a, b) => b.length - a.length);
};

/** Replaces every secret of a model, but for those that are allowed, by a value to throw away. */
export const disguiseOf = (model: Json, allowed: SecretsAllowed, key: Buffer): Disguise => {
  const secrets = quotable(model, allowed);
  const text = (given: string): string =>
    secrets.reduce((left, secret) => left.replaceAll(secret, throwAway(key, secret)), given);
  return {
    text,
    variable: (name, value) => {
      if (allows(allowed, name)) return value;
      const secret = secretIn(name, value);
      if (secret === undefined) return text(value);
      return isAddress(value)
        ? value.replace(`:${secret}@`, `:${throwAway(key, secret)}@`)
        : throwAway(key, secret);
    },
  };
};
