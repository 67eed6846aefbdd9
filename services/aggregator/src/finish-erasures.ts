import type { Logger } from '@touchstone/shared/observe/logger';
import { eraseDetection, type EraseDeps } from '@touchstone/shared/storage/erase-detection';
import { ERASING_PREFIX, parseDetectionKey } from '@touchstone/shared/storage/keys';

const PAGE = 100;

/**
 * Completes erasures that were cut short: their gateway died, or Redis was away. The returned function looks once and
 * gives back how many it found; younger markers are those of gateways that are still at it.
 */
export function createErasureFinisher(
  deps: EraseDeps & { minAgeMs: number; logger: Logger },
): (mayGoOn: () => Promise<boolean>) => Promise<number> {
  return async (mayGoOn) => {
    let found = 0;
    for (let after: string | null = null; await mayGoOn();) {
      const page = await deps.store.list(ERASING_PREFIX, after, PAGE);
      for (const { key, modifiedMs } of page) {
        const ref = parseDetectionKey(key);
        const ageMs = deps.nowMs() - modifiedMs;
        // A marker of the future means that a clock was set back: how old it is cannot be told.
        if (ref === null || (ageMs >= 0 && ageMs < deps.minAgeMs)) continue;
        found++;
        if (!(await mayGoOn())) return found;
        await eraseDetection(deps, ref).then(
          () => deps.logger.info({ detectionId: ref.id }, 'erasure completed that was cut short'),
          // The others must not wait for it; its marker stays for a later round.
          (error: unknown) => deps.logger.warn({ detectionId: ref.id, err: error }, 'erasure not completed yet'),
        );
      }
      if (page.length < PAGE) break;
      after = page.at(-1)!.key;
    }
    return found;
  };
}
