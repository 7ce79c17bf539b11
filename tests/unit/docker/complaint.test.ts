import { describe, expect, it } from 'vitest';
import { withoutValues } from '../../../src/docker/complaint.ts';

/** Complaints as Compose 2.40 writes them; `hunter2` stands where a value stood. */
const told: readonly (readonly [string, string])[] = [
  [
    'invalid interpolation format for services.app.environment.PW.\nYou may need to escape any $ with another $.\n${BAD:hunter2',
    'invalid interpolation format for services.app.environment.PW',
  ],
  [
    'failed to read /srv/core.env: line 2: unexpected character "!" in variable name "!bad=hunter2"',
    'failed to read /srv/core.env: line 2: unexpected character "…" in variable name "…"',
  ],
  [
    'failed to read /srv/core.env: line 4: unterminated quoted value "hunter2\nPW=hunter2',
    'failed to read /srv/core.env: line 4: unterminated quoted value "…"',
  ],
  [
    "failed to read /srv/core.env: line 2: unterminated quoted value 'hunter2",
    "failed to read /srv/core.env: line 2: unterminated quoted value '…'",
  ],
  [
    'failed to read /srv/core.env: Invalid template: "${X:hunter2"',
    'failed to read /srv/core.env: Invalid template: "…"',
  ],
  [
    `'services[app].stop_grace_period' time: invalid duration "hunter2"`,
    `'services[app].stop_grace_period' time: invalid duration "…"`,
  ],
  [
    "failed to parse /srv/compose.yaml: yaml: unknown anchor 'hunter2' referenced",
    "failed to parse /srv/compose.yaml: yaml: unknown anchor '…' referenced",
  ],
];

const kept: readonly string[] = [
  'service "app" depends on undefined service "db": invalid compose project',
  "validating /srv/compose.yaml: services.app additional properties 'envirnment' not allowed",
  'failed to parse /srv/compose.yaml: yaml: line 2: did not find expected key',
  'error while interpolating services.app.environment.PW: required variable PW is missing a value: must be set',
];

describe('a complaint of Compose', () => {
  it.each(told)('is told without the values it quotes: %s', (text, expected) => {
    expect(withoutValues(text)).toBe(expected);
  });

  it.each(kept)('keeps what says where the mistake is: %s', (text) => {
    expect(withoutValues(text)).toBe(text);
  });
});
