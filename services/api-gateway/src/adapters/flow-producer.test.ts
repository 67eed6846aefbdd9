import { expect, it } from '@jest/globals';
import { EventEmitter, once } from 'node:events';
import type { Redis } from 'ioredis';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { createLogger } from '@touchstone/shared/observe/logger';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import { createFlowProducer } from './flow-producer.ts';

const payloadOf = (): RevisionPayload => ({
  tenant: 'default',
  id: newDetectionId(Date.now()),
  revision: 1,
  slots: ['distildire'],
});
/** A connection whose state the test sets. */
class Connection extends EventEmitter {
  status: Redis['status'] = 'ready';
}

it('enqueues at once what came while Redis was away, as soon as it is back, and not what was erased meanwhile', async () => {
  const connection = new Connection();
  const added = new EventEmitter();
  const seen: string[] = [];
  const jobs = {
    addFlow: async ({ id }: RevisionPayload) => {
      seen.push(id);
      added.emit('flow');
    },
    flowStates: async () => ['missing' as const],
  };
  const [erased, early, late] = [payloadOf(), payloadOf(), payloadOf()];
  const enqueue = createFlowProducer(
    connection as unknown as Redis,
    jobs,
    createLogger('test', 'silent'),
    async ({ id }) => id === erased.id,
  );
  connection.status = 'reconnecting';
  await enqueue(erased, 10);
  await enqueue(early, 10);
  expect(seen).toEqual([]);
  connection.status = 'ready';
  const flow = once(added, 'flow');
  connection.emit('ready');
  await flow;
  await enqueue(late, 10);
  expect(seen).toEqual([early.id, late.id]);
});

it('enqueues what Redis had no room for as soon as it takes another one, although the connection never broke', async () => {
  let isFull = true;
  const added = new EventEmitter();
  const seen: string[] = [];
  const jobs = {
    addFlow: async ({ id }: RevisionPayload) => {
      if (isFull) throw new Error('OOM command not allowed');
      seen.push(id);
      added.emit(id);
    },
    flowStates: async () => ['missing' as const],
  };
  const logger = createLogger('test', 'silent');
  const enqueue = createFlowProducer(new Connection() as unknown as Redis, jobs, logger, async () => false);
  const [first, second, third] = [payloadOf(), payloadOf(), payloadOf()];
  await enqueue(first, 10);
  await enqueue(second, 10);
  isFull = false;
  const last = once(added, second.id);
  await enqueue(third, 10);
  await last;
  expect(seen).toEqual([third.id, first.id, second.id]);
});

it('resolves although adding fails', async () => {
  const jobs = { addFlow: () => Promise.reject(new Error('gone')), flowStates: async () => [] };
  const logger = createLogger('test', 'silent');
  const enqueue = createFlowProducer(new Connection() as unknown as Redis, jobs, logger, async () => false);
  await expect(enqueue(payloadOf(), 1)).resolves.toBeUndefined();
});
