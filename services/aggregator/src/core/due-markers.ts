import { parseMarkerKey, type RevisionRef } from '@touchstone/shared/storage/keys';
import type { ObjectInfo } from '@touchstone/shared/storage/object-store';

export type DueMarker = { key: string; ref: RevisionRef; ageMs: number };

/** The markers of a listing that a sweeper may touch now. */
export function dueMarkers(
  listed: readonly ObjectInfo[],
  at: { nowMs: number; minAgeMs: number; isResting(key: string): boolean },
): DueMarker[] {
  return listed.flatMap(({ key, modifiedMs }) => {
    const ref = parseMarkerKey(key);
    const ageMs = at.nowMs - modifiedMs;
    // A marker of the future means that a clock was set back: how old it is cannot be told.
    const isDue = ageMs >= at.minAgeMs || ageMs < 0;
    return ref !== null && isDue && !at.isResting(key) ? [{ key, ref, ageMs }] : [];
  });
}
