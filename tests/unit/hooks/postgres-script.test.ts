import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  databaseStatements,
  identifier,
  literal,
  roleStatements,
  rolesIn,
  statementsOf,
} from '../../../src/hooks/postgres/script.ts';

const anyText = fc.string({ unit: 'grapheme', maxLength: 15 }).filter((text) => !text.includes('\0'));
const name = anyText.filter((text) => text !== '');

/** A script as pg_dump --create writes it, for any name and any setting. */
const script = (database: string, setting: string): string => `--
-- PostgreSQL database dump; DROP DATABASE ${database.replaceAll('\n', ' ')};
--
\\restrict abc
SET statement_timeout = 0;
CREATE DATABASE ${identifier(database)} WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'C.UTF-8';
ALTER DATABASE ${identifier(database)} OWNER TO shop;
\\connect -reuse-previous=on "dbname='x'"
SET client_encoding = 'UTF8';
COMMENT ON DATABASE ${identifier(database)} IS ${literal(setting)};
ALTER DATABASE ${identifier(database)} SET "app.x" TO ${literal(setting)};
ALTER ROLE shop IN DATABASE ${identifier(database)} SET search_path TO 'a', 'b';
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $_$ SELECT 'CREATE DATABASE x;' $_$;
GRANT CONNECT ON DATABASE ${identifier(database)} TO bob;
CREATE TABLE public.database (x text DEFAULT 'ALTER DATABASE');
`;

describe('the statements of a dump', () => {
  it('that make a database are found and renamed, whatever its name and settings', () => {
    fc.assert(
      fc.property(name, anyText, (database, setting) => {
        const { create, owner, rest } = databaseStatements(
          script(database, setting),
          database,
          'fresh "one"',
        );
        const fresh = '"fresh ""one"""';
        expect(create).toBe(
          `CREATE DATABASE ${fresh} WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'C.UTF-8';`,
        );
        expect(owner).toEqual([`ALTER DATABASE ${fresh} OWNER TO shop;`]);
        expect(rest).toEqual([
          `COMMENT ON DATABASE ${fresh} IS ${literal(setting)};`,
          `ALTER DATABASE ${fresh} SET "app.x" TO ${literal(setting)};`,
          `ALTER ROLE shop IN DATABASE ${fresh} SET search_path TO 'a', 'b';`,
          `GRANT CONNECT ON DATABASE ${fresh} TO bob;`,
        ]);
      }),
    );
  });

  it('take plain names too, and no other database', () => {
    const text =
      'CREATE DATABASE shop WITH X = 1;\nALTER DATABASE other SET a = 1;\nALTER DATABASE shop SET a = 1;\n';
    expect(databaseStatements(text, 'shop', 'n')).toEqual({
      create: 'CREATE DATABASE "n" WITH X = 1;',
      owner: [],
      rest: ['ALTER DATABASE "n" SET a = 1;'],
    });
  });

  it('never hand a command to psql', () => {
    const text = "SELECT 1 \\! touch /tmp/x\n;\n\\! touch /tmp/y\nSELECT 2;\nSELECT E'\\\\'; SELECT '\\';";
    expect(statementsOf(text).map((one) => one.text)).toEqual([
      'SELECT 2;',
      "SELECT E'\\\\';",
      "SELECT '\\';",
    ]);
  });

  it('are only those of the roles that are asked for', () => {
    const globals = `CREATE ROLE alice;
ALTER ROLE alice WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$4096:x;y';
CREATE ROLE "Bob; DROP ROLE alice";
ALTER ROLE "Bob; DROP ROLE alice" WITH NOLOGIN;
ALTER ROLE alice SET search_path TO 'x';
GRANT "Bob; DROP ROLE alice" TO alice WITH ADMIN OPTION GRANTED BY postgres;
GRANT alice TO "Bob; DROP ROLE alice";
CREATE TABLESPACE t OWNER alice LOCATION '/t';
`;
    expect(rolesIn(globals)).toEqual(['alice', 'Bob; DROP ROLE alice']);
    const lines = globals.split('\n');
    expect(roleStatements(globals, new Set(['alice']))).toEqual([lines[0], lines[1], lines[4], lines[5]]);
    expect(roleStatements(globals, new Set())).toEqual([]);
  });
});
