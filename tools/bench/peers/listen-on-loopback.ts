import type { Express } from 'express';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/**
 * Listens on a free port and tells the address. Idle connections stay open: a peer whose loop is blocked would close
 * one at the moment at which a request is on its way, and that is no figure of what is compared.
 */
export async function listenOnLoopback(app: Express): Promise<string> {
  const server = app.listen(0, '127.0.0.1');
  server.keepAliveTimeout = 0;
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
