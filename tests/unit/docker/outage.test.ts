import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StackBackupError } from '../../../src/base/errors.ts';
import { engineFailure } from '../../../src/docker/failure.ts';
import { backOff, isOutage } from '../../../src/docker/outage.ts';

const system = (code: string): Error => Object.assign(new Error(code), { code });
const answered = (statusCode: number, message: string): Error =>
  Object.assign(new Error(`(HTTP code ${statusCode}) server error - ${message}`), { statusCode });
const fails = (thrown: unknown): boolean => isOutage(engineFailure(thrown, 'start', 'unix:///x', undefined));

describe('an outage', () => {
  it.each(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'EACCES'])(
    'is a call that ends in %s',
    (code) => {
      expect(fails(system(code))).toBe(true);
    },
  );
  it('is a call without an answer in time, but not one that was interrupted', () => {
    expect(fails(new DOMException('late', 'TimeoutError'))).toBe(true);
    const signal = AbortSignal.abort(new StackBackupError('interrupted', 'by SIGINT'));
    expect(isOutage(engineFailure(signal.reason, 'start', 'unix:///x', signal))).toBe(false);
    expect(isOutage(new StackBackupError('timeout', 'limits.max_downtime'))).toBe(false);
  });
  it.each([
    [503, 'service unavailable'],
    [500, 'cannot start container x: connection error: desc = "transport: Error while dialing"'],
    [500, 'rpc error: code = Unavailable desc = transport is closing: unavailable'],
    [500, 'dial unix /run/containerd/containerd.sock: connect: no such file or directory'],
  ])('is an answer %d of an engine in trouble: %s', (status, message) => {
    expect(fails(answered(status, message))).toBe(true);
  });
  it.each([
    [404, 'No such container: x'],
    [409, 'container x is not running'],
    [500, 'driver failed programming external connectivity: port is already allocated'],
    [500, 'failed to create shim task: OCI runtime create failed: exec: "nope": not found'],
  ])('is no answer %d that says what is wrong: %s', (status, message) => {
    expect(fails(answered(status, message))).toBe(false);
  });
  it('is none of the tool’s own mistakes', () => {
    expect(isOutage(new TypeError('undefined'))).toBe(false);
  });
});

describe('the back-off', () => {
  it('grows from 100 ms to 2 s and never beyond', () => {
    expect([0, 1, 2, 3, 4, 5, 6].map(backOff)).toEqual([100, 200, 400, 800, 1600, 2000, 2000]);
    fc.assert(
      fc.property(fc.nat(), (attempt) => {
        expect(backOff(attempt + 1)).toBeGreaterThanOrEqual(backOff(attempt));
        expect(backOff(attempt)).toBeLessThanOrEqual(2_000);
      }),
    );
  });
});
