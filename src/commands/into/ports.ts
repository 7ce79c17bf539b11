import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { errnoOf } from '../../base/errors.ts';
import type { Port } from '../../plan/into/types.ts';

const tcp = ({ port, address }: Port): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(errnoOf(error) === 'EADDRINUSE'));
    server.listen({ port, ...(address === '' ? {} : { host: address }), exclusive: true }, () =>
      server.close(() => resolve(false)),
    );
  });

const udp = ({ port, address }: Port): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', (error) => resolve(errnoOf(error) === 'EADDRINUSE'));
    socket.bind({ port, ...(address === '' ? {} : { address }), exclusive: true }, () =>
      socket.close(() => resolve(false)),
    );
  });

/** Of these ports those that somebody has already, on this machine. */
export const takenPorts = async (ports: readonly Port[]): Promise<readonly Port[]> => {
  const taken: Port[] = [];
  for (const port of ports) if (await (port.protocol === 'udp' ? udp(port) : tcp(port))) taken.push(port);
  return taken;
};
