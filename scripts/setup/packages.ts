import { aptInstall } from './apt.ts';
import { hasCommand, type Machine } from './machine.ts';

/** A command the tests call, and the package it comes in. */
const needed: Readonly<Record<string, string>> = {
  setfattr: 'attr',
  setfacl: 'acl',
  zstd: 'zstd',
};

/** Packages only the tests need. Where they cannot be installed the tests that need them say so. */
export const ensureTestPackages = async (machine: Machine): Promise<void> => {
  if (!machine.installable) return;
  const found = await Promise.all(Object.keys(needed).map(hasCommand));
  const missing = Object.values(needed).filter((_, index) => found[index] === false);
  if (missing.length > 0) await aptInstall(missing, 'the tests check extended attributes, ACLs and archives');
};
