import { FlowProducer, Queue, type FlowJob } from 'bullmq';
import type { Redis } from 'ioredis';
import { Slot } from '../contracts/vocabulary.ts';
import type { JobsOfDetection } from '../storage/erase-detection.ts';
import {
  catalog,
  followerJobId,
  deliveryJobId,
  parentJobId,
  QUEUE_NAMES,
  queueOfSlot,
  type DeliveryPayload,
  type QueueName,
  type RevisionPayload,
} from './catalog.ts';
import { jobOptions } from './job-settings.ts';

/** What Redis knows of a job. */
export type FlowState = 'missing' | 'underway' | 'completed' | 'failed';

export type RevisionName = { id: string; revision: number };

/** The producing side of all queues of a detection. Every method may be repeated without harm. */
export type DetectionJobs = {
  /** Adds parent and children; jobs that exist are left as they are. Priority 1 goes first. */
  addFlow(payload: RevisionPayload, priority: number): Promise<void>;
  /** Adds the job that ends the wait for the LLM, unless it exists. */
  addFinalise(payload: RevisionPayload, delayMs: number): Promise<void>;
  /** Removes that job, unless a worker holds it. */
  dropFinalise(ref: RevisionName): Promise<void>;
  /**
   * Adds the job that tells the receiver, unless one is waiting or underway. A finished one of the same name is removed
   * first, because it would swallow the new one. Deliveries by hand have names of their own.
   */
  addDelivery(payload: DeliveryPayload): Promise<void>;
  /** States of the delivery jobs that verdicts caused, in the order of the question; one round trip for all. */
  deliveryStates(refs: RevisionName[]): Promise<FlowState[]>;
  /** Removes the finished jobs of a flow, so that `addFlow` starts it anew. Jobs that are underway stay. */
  removeFinished(payload: RevisionPayload): Promise<void>;
  /**
   * Removes every job of a detection, in whatever state. Jobs that a worker holds stay and are counted, unless `force`:
   * the worker then finds its job gone when it is through.
   */
  removeAll(jobs: JobsOfDetection, options: { force: boolean }): Promise<{ held: number }>;
  /** States of the parents, in the order of the question; one round trip for all. */
  flowStates(refs: RevisionName[]): Promise<FlowState[]>;
  /** Whether a worker holds a detector job of this revision right now, or has finished one. */
  hasStarted(payload: Pick<RevisionPayload, 'id' | 'revision' | 'slots'>): Promise<boolean>;
  close(): Promise<void>;
};

const CAUSES = catalog['deliver-webhook'].payload.shape.cause.unwrap().options;

/** Every job that a detection can have; those of parents first. */
function namesOfJobs({ id, revisions, receivers }: JobsOfDetection): [QueueName, string][] {
  return revisions.flatMap((revision) => {
    const ref = { id, revision };
    const deliveries = [undefined, ...receivers].flatMap((receiver) =>
      // Only the names count, so the tenant does not matter.
      CAUSES.map((cause) => deliveryJobId({ tenant: '', ...ref, receiver, cause })),
    );
    return [
      ['merge-verdict', parentJobId(ref)],
      ['finalise-detection', followerJobId(ref, 'finalise')],
      ...Slot.options.map((slot): [QueueName, string] => [queueOfSlot[slot], followerJobId(ref, slot)]),
      ...[...new Set(deliveries)].map((jobId): [QueueName, string] => ['deliver-webhook', jobId]),
    ] satisfies [QueueName, string][];
  });
}

/** `connection` stays the caller's to close. */
export function openDetectionJobs(connection: Redis, prefix: string, onError: (error: Error) => void): DetectionJobs {
  const flows = new FlowProducer({ connection, prefix });
  flows.on('error', onError);
  const queues = Object.fromEntries(
    QUEUE_NAMES.map((name) => {
      const queue = new Queue(name, { connection, prefix });
      queue.on('error', onError);
      return [name, queue];
    }),
  ) as Record<QueueName, Queue>;

  const childOf = (payload: RevisionPayload, slot: RevisionPayload['slots'][number], priority: number): FlowJob => {
    const name = queueOfSlot[slot];
    return {
      name,
      queueName: name,
      data: catalog[name].payload.parse(payload),
      // A child that fails must not hold its parent for ever, nor fail it unheard.
      opts: { ...jobOptions(catalog[name], followerJobId(payload, slot), priority), ignoreDependencyOnFailure: true },
    };
  };
  const keyOf = (name: QueueName, part: string) => queues[name].toKey(part);
  const statesOf = async (name: QueueName, jobIds: string[]): Promise<FlowState[]> => {
    const pipeline = connection.pipeline();
    for (const jobId of jobIds) {
      pipeline.exists(keyOf(name, jobId));
      pipeline.zscore(keyOf(name, 'completed'), jobId);
      pipeline.zscore(keyOf(name, 'failed'), jobId);
    }
    const replies = (await pipeline.exec()) ?? [];
    const value = (index: number) => {
      const [error, reply] = replies[index] ?? [new Error('Redis gave no reply'), null];
      if (error) throw error;
      return reply;
    };
    return jobIds.map((_jobId, i) => {
      if (value(3 * i) === 0) return 'missing';
      if (value(3 * i + 1) !== null) return 'completed';
      return value(3 * i + 2) === null ? 'underway' : 'failed';
    });
  };

  return {
    async addFlow(payload, priority) {
      await flows.add({
        name: 'merge-verdict',
        queueName: 'merge-verdict',
        data: catalog['merge-verdict'].payload.parse(payload),
        opts: jobOptions(catalog['merge-verdict'], parentJobId(payload), priority),
        children: payload.slots.map((slot) => childOf(payload, slot, priority)),
      });
    },
    async addFinalise(payload, delayMs) {
      const name = 'finalise-detection';
      await queues[name].add(name, catalog[name].payload.parse(payload), {
        ...jobOptions(catalog[name], followerJobId(payload, 'finalise'), 1),
        delay: delayMs,
      });
    },
    async dropFinalise(ref) {
      await queues['finalise-detection'].remove(followerJobId(ref, 'finalise'));
    },
    async addDelivery(payload) {
      const name = 'deliver-webhook';
      const jobId = deliveryJobId(payload);
      const job = await queues[name].getJob(jobId);
      if (job && ((await job.isCompleted()) || (await job.isFailed()))) await job.remove();
      // A replay of thousands must not keep those waiting whose verdict is new.
      const priority = payload.cause === 'verdict' ? 1 : 10;
      await queues[name].add(name, catalog[name].payload.parse(payload), jobOptions(catalog[name], jobId, priority));
    },
    deliveryStates: (refs) =>
      statesOf(
        'deliver-webhook',
        refs.map((ref) => followerJobId(ref, 'webhook')),
      ),
    async removeFinished(payload) {
      const jobs: [QueueName, string][] = [
        ['merge-verdict', parentJobId(payload)],
        ['finalise-detection', followerJobId(payload, 'finalise')],
        ...payload.slots.map((slot): [QueueName, string] => [queueOfSlot[slot], followerJobId(payload, slot)]),
      ];
      for (const [name, jobId] of jobs) {
        const job = await queues[name].getJob(jobId);
        if (job && ((await job.isCompleted()) || (await job.isFailed()))) await job.remove();
      }
    },
    async removeAll(detection, { force }) {
      // Parents first: when its last child goes, a parent that waits for it would start.
      const named = namesOfJobs(detection);
      const pipeline = connection.pipeline();
      for (const [name, jobId] of named) pipeline.exists(keyOf(name, jobId));
      const replies = (await pipeline.exec()) ?? [];
      let held = 0;
      for (const [i, [name, jobId]] of named.entries()) {
        const [error, exists] = replies[i] ?? [new Error('Redis gave no reply'), null];
        if (error) throw error;
        if (exists === 0) continue;
        if (force) await connection.del(`${keyOf(name, jobId)}:lock`);
        if ((await queues[name].remove(jobId, { removeChildren: false })) === 0) held++;
      }
      return { held };
    },
    flowStates: (refs) => statesOf('merge-verdict', refs.map(parentJobId)),
    async hasStarted(payload) {
      const pipeline = connection.pipeline();
      for (const slot of payload.slots) {
        // BullMQ sets `processedOn` when a worker takes the job; it stays set through retries.
        pipeline.hget(keyOf(queueOfSlot[slot], followerJobId(payload, slot)), 'processedOn');
      }
      const replies = (await pipeline.exec()) ?? [];
      return replies.some(([error, reply]) => error === null && reply !== null);
    },
    async close() {
      await Promise.all([flows.close(), ...Object.values(queues).map((queue) => queue.close())]);
    },
  };
}
