import { z } from 'zod';
import { DetectionId, Revision, Tenant } from '../contracts/detection-id.ts';
import { Slot } from '../contracts/vocabulary.ts';
import { Receiver } from '../contracts/webhook.ts';

/**
 * What every job carries: enough to find the rest in the object store. Never pixels, secrets or words of the client:
 * the job delivers, the store is the record.
 */
const RevisionPayload = z.object({
  tenant: Tenant,
  id: DetectionId,
  revision: Revision,
  /** The slots that owe a partial for this revision. */
  slots: z.array(Slot).min(1),
});
export type RevisionPayload = z.infer<typeof RevisionPayload>;

const Nothing = z.object({});

/** The stored verdict and the stored callback say the rest. A job by hand is sent whatever the marker says. */
const DeliveryPayload = z.object({
  tenant: Tenant,
  id: DetectionId,
  revision: Revision,
  /** Who is to be told when that is not the callback of the detection: a replay to one endpoint. */
  receiver: Receiver.optional(),
  cause: z.enum(['verdict', 'redelivery', 'replay']).default('verdict'),
});
export type DeliveryPayload = z.infer<typeof DeliveryPayload>;

type QueueDefinition = { payload: z.ZodType; result: z.ZodType; attempts: number; backoffMs: number };

/**
 * Every queue, once: the name on the wire (which is also the job name) and the schemas that both sides parse with.
 * A schema may hold only what JSON can carry, and a new field starts out optional because jobs written by the previous
 * release still wait during a deploy.
 */
export const catalog = {
  'detect-sbi': { payload: RevisionPayload, result: Nothing, attempts: 5, backoffMs: 1_000 },
  'detect-distildire': { payload: RevisionPayload, result: Nothing, attempts: 5, backoffMs: 1_000 },
  'judge-image': { payload: RevisionPayload, result: Nothing, attempts: 6, backoffMs: 1_000 },
  'merge-verdict': { payload: RevisionPayload, result: Nothing, attempts: 5, backoffMs: 500 },
  'finalise-detection': { payload: RevisionPayload, result: Nothing, attempts: 5, backoffMs: 500 },
  'deliver-webhook': { payload: DeliveryPayload, result: Nothing, attempts: 5, backoffMs: 1_000 },
} as const satisfies Record<string, QueueDefinition>;

export type QueueName = keyof typeof catalog;
export const QUEUE_NAMES = Object.keys(catalog) as QueueName[];
export type Payload<Q extends QueueName> = z.infer<(typeof catalog)[Q]['payload']>;
export type Result<Q extends QueueName> = z.infer<(typeof catalog)[Q]['result']>;

/** The queue whose job fills a slot. */
export const queueOfSlot = {
  sbi: 'detect-sbi',
  distildire: 'detect-distildire',
  llm: 'judge-image',
} as const satisfies Record<z.infer<typeof Slot>, QueueName>;

/** Ids of the jobs of one revision, derived from it, so that enqueueing twice is harmless. */
export const parentJobId = (ref: { id: string; revision: number }) => `${ref.id}-r${ref.revision}`;
export const followerJobId = (
  ref: { id: string; revision: number },
  what: z.infer<typeof Slot> | 'finalise' | 'webhook',
) => `${parentJobId(ref)}-${what}`;

/** A delivery by hand does not replace the one that the verdict caused, and one to another receiver neither. */
export const deliveryJobId = (payload: DeliveryPayload) => {
  const { receiver, cause } = payload;
  const name = followerJobId(payload, 'webhook');
  return cause === 'verdict' ? name : [name, cause, ...(receiver === undefined ? [] : [receiver])].join('-');
};
