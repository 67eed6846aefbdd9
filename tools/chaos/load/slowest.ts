import { DEFAULT_TENANT, DetectionId } from '@touchstone/shared/contracts/detection-id';
import { Partial } from '@touchstone/shared/contracts/partial';
import { Slot } from '@touchstone/shared/contracts/vocabulary';
import { partialKey } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { recoveryStartMs, type Trace } from '../account.ts';

/** One slow question: when each of its parts was there, in ms after the moment that its recovery counts from. */
export type SlowQuestion = { id: string; accepted_ms: number; verdict_ms: number } & { [slot in Slot]?: number };

const SHOWN = 5;
const Written = Partial.pick({ created_at: true });

/** The questions that took longest, so that a row shows what they were waiting for. */
export async function slowestOf(
  objects: ObjectStore,
  traces: readonly Trace[],
  outageEndsMs: readonly number[],
): Promise<SlowQuestion[]> {
  const ended = traces.flatMap((trace) => {
    const startMs = recoveryStartMs(trace, outageEndsMs);
    return startMs === null ? [] : [{ ...trace, startMs, tookMs: trace.verdictMs! - startMs }];
  });
  const slow = ended.toSorted((a, b) => b.tookMs - a.tookMs).slice(0, SHOWN);
  return Promise.all(
    slow.map(async ({ id, acceptedMs, startMs, tookMs }) => {
      const ref = { tenant: DEFAULT_TENANT, id: DetectionId.parse(id), revision: 1 };
      const parts = Slot.options.map(async (slot): Promise<[Slot, number][]> => {
        const stored = await objects.read(partialKey(ref, slot));
        if (stored === null) return [];
        const { created_at } = Written.parse(JSON.parse(Buffer.from(stored).toString()));
        return [[slot, Date.parse(created_at) - startMs]];
      });
      const answered = Object.fromEntries((await Promise.all(parts)).flat());
      return { id, accepted_ms: acceptedMs - startMs, verdict_ms: tookMs, ...answered };
    }),
  );
}
