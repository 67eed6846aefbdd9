import type { RequestHandler } from 'express';
import type { DetectionId } from '@touchstone/shared/contracts/detection-id';
import { AppError } from '@touchstone/shared/contracts/failure';
import { OriginalAnswer } from '@touchstone/shared/contracts/original-answer';
import type { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';
import { acceptDetection } from '../accept-detection.ts';
import { acceptOnce } from '../accept-once.ts';
import { keyHashOf } from '../core/idempotency.ts';
import { parsePrefer } from '../core/parse-prefer.ts';
import { lacksEveryDetector, projectOriginalAnswer } from '../core/project-original-answer.ts';
import { readQuestion } from '../read-question.ts';
import { accessOf } from './authorize.ts';
import { locationOf, markReplay, retryAfter } from './detection-headers.ts';
import type { Gateway } from './gateway.ts';
import { goneSignal } from './gone-signal.ts';
import { receiveUpload } from './receive-upload.ts';
import { contextOf } from './request-context.ts';
import { sendJson } from './send-body.ts';
import { sendState } from './send-accepted.ts';

/**
 * `POST /api/v1/detect`: waits, and answers in the shape of the system that Touchstone replaces. Late is an error and
 * never a 202 unless asked for: an old client would read a missing `is_fake` as "real". api.md section 2.
 */
export function createDetectRoute(gateway: Gateway): RequestHandler {
  const { acceptance, running, waiting, spool, offer, detectWaitMs, webhooks } = gateway;
  return async (request, response) => {
    const context = contextOf(response);
    const tenant = context.tenant!;
    const prefer = parsePrefer(request.get('prefer'));
    const waitMs = Math.min(detectWaitMs, prefer.waitS === null ? detectWaitMs : prefer.waitS * 1_000);
    const doesWait = !prefer.respondAsync || prefer.waitS !== null;
    // Before the upload is read, and again after it: others may have come in between.
    if (doesWait && waiting.isFull) throw tooManyHeld();
    const keyHash = keyHashOf(request.headersDistinct['idempotency-key']);
    const upload = await receiveUpload(request, response, spool);
    let id: DetectionId;
    let asked: Slot[];
    const hold = doesWait ? waiting.hold() : null;
    try {
      try {
        if (doesWait && hold === null) throw tooManyHeld();
        const question = await readQuestion(upload, offer, accessOf(response), webhooks.chooseCallback);
        asked = question.options.detectors;
        if (keyHash === null) {
          id = await running.joinOr(tenant, question, async () => {
            const record = await acceptDetection(acceptance, tenant, question, doesWait);
            return record.id;
          });
        } else {
          // A key names its own detection: an equal question under another key, or none, is another one.
          const accepted = await acceptOnce(acceptance, tenant, question, doesWait, keyHash);
          if (accepted.isReplay) markReplay(response);
          id = accepted.record.id;
        }
        context.detectionId = id;
      } finally {
        await upload.discard();
      }
      const awaited = hold?.verdictOf(tenant, id, waitMs, goneSignal(response)).catch((error: unknown) => {
        // It was erased, perhaps at another gateway: nobody is to join it any more.
        running.end(id);
        throw error;
      });
      const verdict = (await awaited) ?? null;
      if (verdict !== null) running.end(id);
      if (verdict === null && prefer.respondAsync) return await sendState(gateway, request, response, id);
      if (verdict === null) throw stillRunning(id);
      assertAnswerable(verdict, asked);
      const answer = OriginalAnswer.parse(projectOriginalAnswer(verdict));
      sendJson(request, response, 200, JSON.stringify(answer), {
        'Cache-Control': 'no-store',
        Location: locationOf(id),
        'Touchstone-Verdict': verdict.verdict,
        Vary: 'Prefer',
      });
    } finally {
      hold?.release();
    }
  };
}

const tooManyHeld = () =>
  new AppError('overloaded', 'Too many clients are waiting for an answer.', { headers: { 'Retry-After': '5' } });

const stillRunning = (id: DetectionId) =>
  new AppError('detection_timeout', 'The question was accepted and is still being worked on; see Location.', {
    headers: { Location: locationOf(id), 'Retry-After': retryAfter(id), Vary: 'Prefer' },
  });

function assertAnswerable(verdict: VerdictRecord, asked: Slot[]): void {
  const headers = { Location: locationOf(verdict.id), 'Touchstone-Verdict': verdict.verdict };
  if (verdict.reasons.includes('undecodable')) {
    throw new AppError('undecodable_image', 'The file is damaged: its pixels cannot be decoded.', { headers });
  }
  if (lacksEveryDetector(verdict, asked)) {
    throw new AppError('no_detector_available', 'None of the detectors that were asked for could answer.', { headers });
  }
}
