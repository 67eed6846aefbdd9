import { fork } from 'node:child_process';
import { childEntry } from '@touchstone/shared/process/child-entry';

/** A process that the bench compares with, or measures apart. It answers one question at a time. */
export type PeerProcess<Question, Answer> = {
  pid: number;
  /** Where it listens, when it is a server. */
  url: string;
  ask(question: Question): Promise<Answer>;
  stop(): Promise<void>;
};

/** What a peer says over its channel: once that it is ready, then an answer or an error for each question. */
export type FromPeer =
  { kind: 'ready'; url?: string } | { kind: 'answer'; answer: unknown } | { kind: 'error'; message: string };

const START_LIMIT_MS = 120_000;

/** Starts `peers/NAME.child.ts`, hands it `setup`, and waits until it is ready. What it logs is thrown away. */
export async function startPeer<Setup, Question, Answer>(
  name: string,
  setup: Setup,
): Promise<PeerProcess<Question, Answer>> {
  const child = fork(childEntry(import.meta, `peers/${name}.child`), {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let waiting: PromiseWithResolvers<FromPeer> | null = null;
  const next = (): Promise<FromPeer> => {
    waiting = Promise.withResolvers<FromPeer>();
    return waiting.promise;
  };
  child.on('message', (message: FromPeer) => waiting?.resolve(message));
  child.on('error', (error) => waiting?.reject(error));
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      waiting?.reject(new Error(`the peer ${name} ended with ${signal ?? `code ${code}`}`));
      resolve();
    });
  });

  const expect = async (kind: 'ready' | 'answer', send: unknown): Promise<FromPeer> => {
    const reply = next();
    child.send(send as object);
    const message = await reply;
    if (message.kind === 'error') throw new Error(`the peer ${name} failed: ${message.message}`);
    if (message.kind !== kind) throw new Error(`the peer ${name} said ${message.kind} instead of ${kind}`);
    return message;
  };
  const startTimer = setTimeout(() => child.kill('SIGKILL'), START_LIMIT_MS);
  const ready = await expect('ready', setup).finally(() => clearTimeout(startTimer));
  return {
    pid: child.pid!,
    url: ready.kind === 'ready' ? (ready.url ?? '') : '',
    async ask(question) {
      const message = await expect('answer', question);
      return (message as { answer: unknown }).answer as Answer;
    },
    async stop() {
      if (child.connected) child.disconnect();
      const limit = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(limit);
    },
  };
}
