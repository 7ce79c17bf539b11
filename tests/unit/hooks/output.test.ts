import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { excerpt, mask, OutputTail, printable, secretsIn } from '../../../src/hooks/output.ts';

const write = (tail: OutputTail, bytes: Buffer | string): OutputTail => {
  tail.write(bytes);
  return tail;
};

describe('OutputTail', () => {
  it('keeps exactly the last bytes, whatever the size of the writes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.uint8Array({ maxLength: 100 })),
        (limit, chunks) => {
          const tail = new OutputTail(limit);
          for (const chunk of chunks) tail.write(Buffer.from(chunk));
          const all = Buffer.concat(chunks);
          expect(tail.bytes()).toEqual(all.subarray(Math.max(0, all.length - limit)));
          expect(tail.total).toBe(all.length);
          expect(tail.truncated).toBe(all.length > limit);
          expect(tail.lines).toBe(all.filter((byte) => byte === 10).length);
        },
      ),
    );
  });
});

describe('excerpt', () => {
  it('shows the last lines only', () => {
    expect(excerpt('one\ntwo\n\nthree\r\nfour\n', [], 2)).toBe('three | four');
  });

  it('lets nothing through that drives a terminal or hides text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        expect(excerpt(Buffer.from(bytes))).not.toMatch(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/u);
      }),
    );
    expect(printable('a\u001b[31mred\u202egnp.exe')).toBe('a\uFFFD[31mred\uFFFDgnp.exe');
  });

  it('cuts long lines', () => {
    expect(excerpt('x'.repeat(5000)).length).toBeLessThan(400);
  });

  it('shows no part of a secret that the limit cut through', () => {
    const secret = 'correct-horse-battery-staple';
    for (let padding = 0; padding <= secret.length; padding += 1) {
      const tail = write(new OutputTail(40), `${secret}${'.'.repeat(40 - secret.length + padding)}`);
      expect(excerpt(tail, [secret])).not.toContain('staple');
    }
  });
});

describe('mask', () => {
  it('removes every secret, also one that contains another', () => {
    expect(mask('hunter2-hunter22 hunter2', ['hunter2', 'hunter22'])).toBe('***-*** ***');
    expect(mask('nothing', [''])).toBe('nothing');
  });

  it('removes user and password from URLs', () => {
    expect(mask('cannot reach postgres://app:hunter2@db/x', [])).toBe('cannot reach postgres://***@db/x');
  });

  it('takes secrets by the name of their variable, and leaves the others', () => {
    const env = ['POSTGRES_PASSWORD=hunter2', 'API_KEY=k=1', 'PATH=/bin', 'EMPTY_TOKEN=', 'odd'];
    expect(secretsIn(env)).toEqual(['hunter2', 'k=1']);
  });
});
