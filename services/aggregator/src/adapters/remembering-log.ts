import type { DeliveryRecord } from '@touchstone/shared/contracts/webhook';
import type { RevisionRef } from '@touchstone/shared/storage/keys';
import type { DeliveryLog } from '@touchstone/shared/webhooks/delivery-log';

type Unnumbered = Omit<DeliveryRecord, 'attempt'>;

/** More would mean that the store has been away for long; the oldest are forgotten then, and sent once more. */
const MAX_REMEMBERED = 10_000;

const nameOf = (receiver: string, { tenant, id, revision }: RevisionRef) => `${receiver}/${tenant}/${id}.r${revision}`;

/**
 * A log that makes up for a store which could not take a record after the message was sent (a full disk): the next look
 * at the attempts writes it first. Without that memory every retry of the job would send the message again, five times
 * and then once for each round of the sweeper (measured: chaos suite, C8).
 */
export function createRememberingLog(log: DeliveryLog): DeliveryLog {
  const unwritten = new Map<string, Unnumbered[]>();
  return {
    ...log,
    async attempts(receiver, ref) {
      const name = nameOf(receiver, ref);
      const owed = unwritten.get(name) ?? [];
      // Taken out first: two looks at the same time must not write it twice.
      unwritten.delete(name);
      for (const [index, record] of owed.entries()) {
        await log.append(record).catch((error: unknown) => {
          unwritten.set(name, owed.slice(index));
          throw error;
        });
      }
      return log.attempts(receiver, ref);
    },
    async append(record) {
      try {
        return await log.append(record);
      } catch (error) {
        const name = nameOf(record.receiver, record);
        unwritten.set(name, [...(unwritten.get(name) ?? []), record]);
        if (unwritten.size > MAX_REMEMBERED) unwritten.delete(unwritten.keys().next().value!);
        throw error;
      }
    },
  };
}
