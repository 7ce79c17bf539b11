import { describe, expect, it } from 'vitest';
import { resolveEndpoint } from '../../../src/docker/endpoint.ts';

describe('the address of an engine', () => {
  it.each([
    ['unix:///run/user/1000/docker.sock', { socketPath: '/run/user/1000/docker.sock' }],
    ['tcp://10.0.0.1', { protocol: 'http', host: '10.0.0.1', port: 2375 }],
    // The brackets belong to the URL, not to the address.
    ['tcp://[fd00::1]:4000', { protocol: 'http', host: 'fd00::1', port: 4000 }],
  ])('is understood: %s', async (address, options) => {
    expect(await resolveEndpoint({ DOCKER_HOST: address })).toEqual({ address, options });
  });

  it('is refused with a next step where it is none', async () => {
    await expect(resolveEndpoint({ DOCKER_HOST: 'nonsense' })).rejects.toMatchObject({
      code: 'engine-unreachable',
      next: expect.stringContaining('DOCKER_HOST'),
    });
  });
});
