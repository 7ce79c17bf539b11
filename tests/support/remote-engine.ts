import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** The engine of this machine under an address that does not say so: its paths count as another machine's. */
export interface RemoteEngine extends AsyncDisposable {
  /** For the environment of the tool. */
  readonly env: { readonly DOCKER_HOST: string };
}

export const remoteEngine = async (): Promise<RemoteEngine> => {
  const open = new Set<Socket>();
  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true }, (there) => {
    const here = connect({ path: '/var/run/docker.sock', allowHalfOpen: true });
    keep(there);
    keep(here);
    there.pipe(here).pipe(there);
    there.on('close', () => here.destroy());
    here.on('close', () => there.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    env: { DOCKER_HOST: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` },
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
};
