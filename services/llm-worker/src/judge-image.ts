import { UndecodableImageError } from '@touchstone/imaging/undecodable-image-error';
import type { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import { CNN_SLOTS } from '@touchstone/shared/contracts/vocabulary';
import type { Logger } from '@touchstone/shared/observe/logger';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import type { JobContext } from '@touchstone/shared/queue/job-worker';
import { RetryLaterError } from '@touchstone/shared/queue/retry-later-error';
import { StoreError } from '@touchstone/shared/storage/slot-objects';
import type { JudgeObjects } from './adapters/judge-objects.ts';
import type { JudgeMetrics } from './adapters/judge-metrics.ts';
import { endOfShutGate, type createAskModel } from './ask-model.ts';
import { buildPartial, type JudgeEffort } from './core/build-partial.ts';
import { isPriced, type Prices } from './core/call-cost.ts';
import type { CallGate } from './core/call-gate.ts';
import { OUTCOMES, type JudgeOutcome } from './core/judge-outcome.ts';
import { leavesVerdictOpen } from './core/leaves-verdict-open.ts';
import type { PictureMaker } from './picture/picture-pool.ts';

/** A model that can be asked, and what it takes to ask it. */
export type JudgeModel = {
  askModel: ReturnType<typeof createAskModel>;
  gate: CallGate;
  pictures: Pick<PictureMaker, 'make'>;
  calibration: CalibrationArtefact | null;
  prices: Prices;
  promptSha256: string;
  /** The longest pause that a job is put off for. */
  maxDelayMs: number;
  detectorsWaitMs: number;
};

export type JudgeImageDeps = {
  /** Null: this deployment has none. */
  model: JudgeModel | null;
  objects: JudgeObjects;
  metrics: Pick<JudgeMetrics, 'countPartial'>;
  logger: Logger;
  nowMs(): number;
};

type Judged = { outcome: JudgeOutcome; effort: JudgeEffort | null };

/** How often a job looks for the detectors again: soon at first, later less often. */
const LOOK_AGAIN_MS = { least: 200, most: 5_000, shareOfWait: 1 / 8 };

/**
 * One judge job from its arrival to the stored partial. Safe to run twice: partials are create-only, and a stored one, or
 * a verdict that did not wait, keeps a second run from paying again. Rejecting means "try again": nothing was answered.
 */
export function createJudgeImage(
  deps: JudgeImageDeps,
): (payload: RevisionPayload, context: JobContext) => Promise<void> {
  const { objects } = deps;

  return async (payload, context) => {
    const logger = deps.logger.child({ detectionId: payload.id, revision: payload.revision, slot: 'llm' });
    if (await objects.isSettled(payload)) return;
    const { outcome, effort } = await judge(payload, context, logger);
    const partial = buildPartial(payload, outcome, effort, deps.nowMs());
    const stored = await objects.storePartial(partial);
    if (stored === 'stored') deps.metrics.countPartial(partial);
    const { status, reason } = partial;
    logger.info({ status, reason, tokens: effort?.tokens, timings: partial.timings_ms, stored }, 'judge answered');
  };

  /** The judge's answer. Rejects when another attempt may do better; the last attempt says so instead. */
  async function judge(payload: RevisionPayload, context: JobContext, logger: Logger): Promise<Judged> {
    const { model } = deps;
    if (model === null) return { outcome: OUTCOMES.noModel, effort: null };
    try {
      return (await withoutCall(model, payload, context)) ?? (await look(model, payload, context));
    } catch (error) {
      if (error instanceof UndecodableImageError) return { outcome: OUTCOMES.undecodable, effort: null };
      if (error instanceof StoreError || error instanceof RetryLaterError || !context.isLastAttempt) throw error;
      logger.error({ err: error, attempt: context.attempt }, 'judge gave up');
      return { outcome: OUTCOMES.broken, effort: null };
    }
  }

  /** What can be said without a call; null when the model has to be asked. */
  async function withoutCall(
    model: JudgeModel,
    payload: RevisionPayload,
    { waitedMs }: JobContext,
  ): Promise<Judged | null> {
    const end = (outcome: JudgeOutcome): Judged => ({ outcome, effort: null });
    const { options } = await objects.readRequest(payload);
    const policy = options.llm ?? 'always';
    if (policy === 'off') return end(OUTCOMES.off);
    const partials = await objects.readDetectorPartials(payload, payload.slots);
    const isComplete = CNN_SLOTS.filter((slot) => payload.slots.includes(slot)).length === partials.length;
    // Under `uncertain` there is no question before the detectors have answered, so that wait has no other end.
    if (!isComplete && (policy === 'uncertain' || waitedMs < model.detectorsWaitMs)) {
      const { least, most, shareOfWait } = LOOK_AGAIN_MS;
      throw new RetryLaterError(Math.min(most, Math.max(least, shareOfWait * waitedMs)), 'the detectors are at work');
    }
    if (partials.some(({ reason }) => reason === 'undecodable')) return end(OUTCOMES.undecodable);
    if (policy === 'uncertain' && !leavesVerdictOpen(model.calibration, partials, options.operating_point)) {
      return end(OUTCOMES.policy);
    }
    const shutMs = model.gate.waitMs();
    return shutMs > 0 ? end(endOfShutGate(shutMs, model.maxDelayMs)) : null;
  }

  async function look(model: JudgeModel, payload: RevisionPayload, context: JobContext): Promise<Judged> {
    const { tenant } = payload;
    const startMs = performance.now();
    const [{ image }, file, partials] = await Promise.all([
      objects.readRequest(payload),
      objects.readUpload(payload),
      objects.readDetectorPartials(payload, ['sbi']),
    ]);
    const gotMs = performance.now();
    const faces = partials.flatMap((partial) => partial.faces.map(({ box }) => box));
    const made = await model.pictures.make({ file, mediaType: image.media_type, faces });
    const madeMs = performance.now();
    const asked = await model.askModel({
      tenant,
      pictures: [made.whole, ...made.faces],
      isLastAttempt: context.isLastAttempt,
    });
    const tenth = (ms: number) => Math.round(10 * ms) / 10;
    return {
      outcome: asked.outcome,
      effort: {
        tokens: asked.tokens,
        usd: isPriced(model.prices) ? asked.microUsd / 1e6 : null,
        promptSha256: model.promptSha256,
        image: { width: made.width, height: made.height },
        timings: {
          queue: tenth(context.waitedMs),
          get: tenth(gotMs - startMs),
          prepare: tenth(madeMs - gotMs),
          batch_wait: 0,
          infer: tenth(performance.now() - madeMs),
        },
      },
    };
  }
}
