import { describe, expect, it } from 'vitest';
import { redactEnvFile, redactModel, redactOptions } from '../../../src/stack/redact.ts';

describe('redactModel', () => {
  it('masks environment, arguments and inline contents, and keeps their names', () => {
    const model = {
      services: {
        db: {
          image: 'postgres',
          environment: { POSTGRES_PASSWORD: 'hunter22', DEBUG: 'yes', EMPTY: null },
          build: { args: { TOKEN: 'abcdef' }, context: '.' },
        },
      },
      configs: { app: { content: 'password = hunter22' } },
    };
    expect(redactModel(model)).toEqual({
      services: {
        db: {
          image: 'postgres',
          environment: { POSTGRES_PASSWORD: '<redacted>', DEBUG: '<redacted>', EMPTY: null },
          build: { args: { TOKEN: '<redacted>' }, context: '.' },
        },
      },
      configs: { app: { content: '<redacted>' } },
    });
  });

  it('masks a secret wherever else it was interpolated', () => {
    const model = {
      services: {
        app: {
          environment: { DB_PASSWORD: 'hunter22' },
          command: ['run', '--dsn=postgres://u:hunter22@db/x'],
        },
      },
    };
    expect(JSON.stringify(redactModel(model))).not.toContain('hunter22');
  });
});

describe('redactEnvFile', () => {
  it('keeps names and comments, and nothing else', () => {
    const text = '# a comment\nexport A=1\nPASSWORD="first\nsecond line"\n\nB: x\n';
    expect(redactEnvFile(text)).toBe(
      '# a comment\nA=<redacted>\nPASSWORD=<redacted>\n<redacted>\n\nB=<redacted>\n',
    );
  });
});

describe('redactOptions', () => {
  it('masks passwords in mount options', () => {
    expect(
      redactOptions({ type: 'cifs', o: 'username=me,password=hunter22,vers=3', device: '//nas/x' }),
    ).toEqual({
      type: 'cifs',
      o: 'username=me,password=<redacted>,vers=3',
      device: '//nas/x',
    });
  });
});
