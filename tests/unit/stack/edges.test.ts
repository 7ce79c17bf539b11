import { describe, expect, it } from 'vitest';
import { edgesOf } from '../../../src/stack/edges.ts';
import { containerFrom } from '../../support/stack-builder.ts';

const edges = (...sketches: Parameters<typeof containerFrom>[0][]) => edgesOf(sketches.map(containerFrom));

describe('edgesOf', () => {
  it('reads services and conditions from the depends_on label, one edge a replica', () => {
    expect(
      edges(
        { id: 'app', dependsOn: 'db:service_healthy:false,cache:service_started:true' },
        { id: 'db' },
        { id: 'cache-1', service: 'cache' },
        { id: 'cache-2', service: 'cache' },
      ),
    ).toEqual([
      { from: 'app', to: 'db', reason: 'depends_on', condition: 'service_healthy' },
      { from: 'app', to: 'cache-1', reason: 'depends_on', condition: 'service_started' },
      { from: 'app', to: 'cache-2', reason: 'depends_on', condition: 'service_started' },
    ]);
  });

  it('does not depend on a `compose run` container', () => {
    expect(edges({ id: 'app', dependsOn: 'db::' }, { id: 'db-run', service: 'db', oneOff: true })).toEqual(
      [],
    );
  });

  it('finds the owner of a shared namespace by id or by name', () => {
    const owner = { id: 'a'.repeat(64), service: 'vpn', name: 'vpn' };
    expect(
      edges(
        owner,
        { id: 'net', networkMode: `container:${owner.id}` },
        { id: 'ipc', ipcMode: 'container:vpn' },
        { id: 'pid', pidMode: `container:${owner.id.slice(0, 12)}` },
      ),
    ).toEqual([
      { from: 'net', to: owner.id, reason: 'network' },
      { from: 'ipc', to: owner.id, reason: 'ipc' },
      { from: 'pid', to: owner.id, reason: 'pid' },
    ]);
  });

  it('knows volumes_from with its mode and links with their alias', () => {
    expect(
      edges({ id: 'a', volumesFrom: ['b:ro'] }, { id: 'b' }, { id: 'c', links: ['/b:/c/alias'] }),
    ).toEqual([
      { from: 'a', to: 'b', reason: 'volumes_from' },
      { from: 'c', to: 'b', reason: 'links' },
    ]);
  });

  it('leaves out what points outside of the stack', () => {
    expect(
      edges({ id: 'a', networkMode: 'container:other', volumesFrom: ['other'], links: ['/other:/a/x'] }),
    ).toEqual([]);
  });
});
