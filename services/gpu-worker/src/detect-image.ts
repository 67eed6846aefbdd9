import type { StageTimings } from '@touchstone/shared/contracts/partial';
import { CNN_SLOTS, type CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import type { Logger } from '@touchstone/shared/observe/logger';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import type { JobContext } from '@touchstone/shared/queue/job-worker';
import { StoreError } from '@touchstone/shared/storage/slot-objects';
import type { DetectionObjects } from './adapters/detection-objects.ts';
import type { DetectorMetrics } from './adapters/detector-metrics.ts';
import type { PreparedImageCache } from './adapters/prepared-image-cache.ts';
import type { BatchQueue } from './core/batch-queue.ts';
import {
  buildPartial,
  inputOf,
  notApplicableOutcome,
  runtimeErrorOutcome,
  scoredOutcome,
  unavailableOutcome,
  undecodableOutcome,
  type Detector,
  type Outcome,
  type ReadyDetector,
} from './core/build-partial.ts';
import { UndecodableImageError } from '@touchstone/imaging/undecodable-image-error';

export type DetectImageDeps = {
  detectors: ReadonlyMap<CnnSlot, Detector>;
  objects: DetectionObjects;
  /** Null when no slot of this process has a usable bundle. */
  images: PreparedImageCache | null;
  queue: BatchQueue;
  /** Starts the LLM's grace; may be repeated without harm. */
  addFinalise(payload: RevisionPayload): Promise<void>;
  metrics: DetectorMetrics;
  logger: Logger;
  nowMs(): number;
};

type Answered = {
  outcome: Outcome;
  timings: StageTimings | null;
  /** The image's share of the time on the device. */
  deviceMs: number;
};

/**
 * One detector job from its arrival to the stored partial. Safe to run twice, at once or one after the other: partials
 * are create-only. Rejecting means "try again": then nothing was answered.
 */
export function createDetectImage(
  deps: DetectImageDeps,
): (slot: CnnSlot, payload: RevisionPayload, context: JobContext) => Promise<void> {
  const { detectors, objects, metrics } = deps;

  return async (slot, payload, context) => {
    const logger = deps.logger.child({ detectionId: payload.id, revision: payload.revision, slot });
    const [isErased, isAnswered] = await Promise.all([objects.isErased(payload), objects.hasPartial(payload, slot)]);
    if (isErased) return;
    if (!isAnswered) {
      const detector = detectors.get(slot);
      if (detector === undefined) throw new Error(`this worker does not fill ${slot}`);
      const { outcome, timings, deviceMs } = await answer(detector, payload, context, logger);
      const about = { detector, timings, deviceMs, createdAtMs: deps.nowMs() };
      const partial = { ...buildPartial({ ...payload, slot }, outcome, about), slot };
      const publishedFromMs = performance.now();
      const stored = await objects.storePartial(partial);
      if (stored === 'stored') metrics.countPartial(partial, performance.now() - publishedFromMs);
      logger.info({ status: partial.status, reason: partial.reason, timings, stored }, 'detector answered');
      if (stored === 'erased') return;
    }
    // Also for a partial of an earlier run, which may have died between its answer and this.
    if (await isLlmAloneLeft(payload)) await deps.addFinalise(payload);
  };

  /** The detector's answer. Rejects when another attempt may do better; the last attempt says so instead. */
  async function answer(
    detector: Detector,
    payload: RevisionPayload,
    context: JobContext,
    logger: Logger,
  ): Promise<Answered> {
    const without = (outcome: Outcome): Answered => ({ outcome, timings: null, deviceMs: 0 });
    try {
      if (detector.state === 'unavailable') return without(unavailableOutcome(detector.detail));
      return await look(detector, payload, context.waitedMs);
    } catch (error) {
      if (error instanceof UndecodableImageError) return without(undecodableOutcome());
      if (error instanceof StoreError || !context.isLastAttempt) throw error;
      logger.error({ err: error, attempt: context.attempt }, 'detector gave up');
      return without(runtimeErrorOutcome());
    }
  }

  async function look(detector: ReadyDetector, payload: RevisionPayload, waitedMs: number): Promise<Answered> {
    if (deps.images === null) throw new Error('no preparer was started');
    const fetch = async () => {
      const [request, file] = await Promise.all([objects.readRequest(payload), objects.readUpload(payload)]);
      return { file, mediaType: request.image.media_type };
    };
    const key = `${payload.tenant}/${payload.id}/${payload.revision}`;
    const image = await deps.images.take(key, fetch, detector.slot, usersOf(payload));
    const { prepared, getMs, prepareMs } = image;
    const timings = { queue: waitedMs, get: getMs, prepare: prepareMs, batch_wait: 0, infer: 0 };
    const nothing = notApplicableOutcome(detector, prepared);
    if (nothing !== null) return { outcome: nothing, timings, deviceMs: 0 };
    const { data, count } = inputOf(detector, prepared);
    const { scores, batchWaitMs, inferMs, deviceMs } = await deps.queue.infer(detector.slot, data, count);
    return {
      outcome: scoredOutcome(detector, prepared, scores),
      timings: { ...timings, batch_wait: batchWaitMs, infer: inferMs },
      deviceMs,
    };
  }

  /** The slots of this process that will want the image. */
  function usersOf(payload: RevisionPayload): CnnSlot[] {
    return CNN_SLOTS.filter((slot) => payload.slots.includes(slot) && detectors.get(slot)?.state === 'ready');
  }

  async function isLlmAloneLeft(payload: RevisionPayload): Promise<boolean> {
    if (!payload.slots.includes('llm')) return false;
    const answered = await Promise.all(payload.slots.map((slot) => objects.hasPartial(payload, slot)));
    return payload.slots.every((slot, i) => answered[i] === (slot !== 'llm'));
  }
}
