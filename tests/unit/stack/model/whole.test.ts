import { describe, expect, it } from 'vitest';
import { withShortVolumes } from '../../../../src/stack/model/whole.ts';

describe('a model without values', () => {
  it('leaves open whether a variable is a path or a volume', () => {
    const volume = (source: string, more: object = {}) => ({ type: 'volume', source, target: '/t', ...more });
    const bind = { type: 'bind', source: './files', target: '/files' };
    const model = {
      name: 'shop',
      services: {
        app: {
          image: 'x',
          volumes: [volume('data'), bind, volume('$DIR'), volume('$D/x', { read_only: true })],
        },
        db: { image: 'y' },
      },
    };
    expect(withShortVolumes(model)).toEqual({
      name: 'shop',
      services: {
        app: { image: 'x', volumes: [volume('data'), bind, '$DIR:/t', '$D/x:/t:ro'] },
        db: { image: 'y' },
      },
    });
    expect(withShortVolumes(undefined)).toBeUndefined();
  });
});
