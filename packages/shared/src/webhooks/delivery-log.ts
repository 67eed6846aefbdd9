import { DeliveryRecord, type Receiver } from '../contracts/webhook.ts';
import { createJson, readJson } from '../storage/json-object.ts';
import { deliveriesPrefix, deliveryKey, parseDeliveryKey, type RevisionRef } from '../storage/keys.ts';
import type { ObjectStore } from '../storage/object-store.ts';

/** The attempts to tell one receiver of one revision. It survives the loss of Redis: the schedule goes on from it. */
export type DeliveryLog = {
  /** In their order. */
  attempts(receiver: Receiver, ref: RevisionRef): Promise<DeliveryRecord[]>;
  /** Stores the attempt under the next free number. */
  append(record: Omit<DeliveryRecord, 'attempt'>): Promise<DeliveryRecord>;
  drop(record: DeliveryRecord): Promise<void>;
};

/** Ten by schedule; the rest is asked for by hand. */
const MAX_ATTEMPTS = 1_000;

export function createDeliveryLog(store: ObjectStore): DeliveryLog {
  const refOf = ({ tenant, id, revision }: RevisionRef) => ({ tenant, id, revision });
  const keysOf = async (receiver: Receiver, ref: RevisionRef) =>
    (await store.list(deliveriesPrefix(receiver, ref), null, MAX_ATTEMPTS)).map(({ key }) => key);
  return {
    async attempts(receiver, ref) {
      const keys = await keysOf(receiver, ref);
      const records = await Promise.all(keys.map((key) => readJson(store, key, DeliveryRecord)));
      // One that is gone was erased since the listing.
      return records.filter((record) => record !== null);
    },
    async append(record) {
      const last = (await keysOf(record.receiver, refOf(record))).at(-1);
      let attempt = (last === undefined ? 0 : (parseDeliveryKey(last)?.attempt ?? 0)) + 1;
      // Who loses the number takes the next one: two attempts at the same time are both true.
      for (; attempt <= MAX_ATTEMPTS; attempt++) {
        const numbered: DeliveryRecord = { ...record, attempt };
        const key = deliveryKey(record.receiver, refOf(record), attempt);
        if (await createJson(store, key, DeliveryRecord, numbered)) return numbered;
      }
      throw new Error(`more than ${MAX_ATTEMPTS} deliveries of ${record.id} to one receiver`);
    },
    drop: (record) => store.delete(deliveryKey(record.receiver, refOf(record), record.attempt)),
  };
}
