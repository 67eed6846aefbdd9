import { once } from 'node:events';
import { asError } from '@touchstone/shared/process/error-code';
import type { FromPeer } from '../peer-process.ts';

/** What a peer is made of: it may listen somewhere, answer questions, and hold things that close. */
export type Peer<Question, Answer> = {
  url?: string;
  answer?(question: Question): Promise<Answer>;
};

/**
 * Body of every peer: the first message sets it up, the others are questions. It ends with its parent, at once: what a
 * peer holds is of no use to anybody.
 */
export async function servePeer<Setup, Question, Answer>(
  start: (setup: Setup) => Promise<Peer<Question, Answer>>,
): Promise<void> {
  process.on('disconnect', () => process.exit());
  const send = (message: FromPeer) => process.send!(message);
  const [setup] = (await once(process, 'message')) as [Setup];
  let peer: Peer<Question, Answer>;
  try {
    peer = await start(setup);
  } catch (error) {
    send({ kind: 'error', message: asError(error).message });
    return;
  }
  process.on('message', (question: Question) => {
    const answering = peer.answer?.(question) ?? Promise.reject(new Error('it answers nothing'));
    answering.then(
      (answer) => send({ kind: 'answer', answer }),
      (error: unknown) => send({ kind: 'error', message: asError(error).message }),
    );
  });
  send(peer.url === undefined ? { kind: 'ready' } : { kind: 'ready', url: peer.url });
}
