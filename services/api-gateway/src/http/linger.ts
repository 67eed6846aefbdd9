import type { RequestHandler } from 'express';

const LINGER_MS = 5_000;

/**
 * After an answer that came before the whole request was read, reads on for a while and throws away. A connection that is
 * closed with unread bytes is reset, and the client may then never see the answer.
 */
export const lingerAfterAnswer: RequestHandler = (request, response, next) => {
  response.once('finish', () => {
    if (request.complete) return;
    const { socket } = request;
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    // A request that was answered is not told when its connection goes.
    const stop = () => {
      clearTimeout(timer);
      request.off('close', stop);
      socket.off('close', stop);
    };
    request.once('close', stop);
    socket.once('close', stop);
    request.resume();
  });
  next();
};
