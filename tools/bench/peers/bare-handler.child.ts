import express from 'express';
import multer from 'multer';
import { randomUUID } from 'node:crypto';
import { listenOnLoopback } from './listen-on-loopback.ts';
import { servePeer } from './serve-peer.ts';

/** The least that can take an upload: express and multer in memory, and the bytes are counted. Peer of R3. */
await servePeer(async () => {
  const app = express().disable('x-powered-by').disable('etag');
  app.post('/', multer({ storage: multer.memoryStorage() }).single('image'), (request, response) => {
    response.status(202).json({ id: randomUUID(), bytes: request.file?.buffer.length });
  });
  return { url: await listenOnLoopback(app) };
});
