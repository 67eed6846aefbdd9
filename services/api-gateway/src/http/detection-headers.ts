import type { Response } from 'express';
import { timeOfDetectionId, type DetectionId } from '@touchstone/shared/contracts/detection-id';
import { retryAfterSeconds } from '../core/retry-after.ts';

export const locationOf = (id: DetectionId) => `/api/v1/detections/${id}`;

/** Headers of every representation of a detection. */
export function detectionHeaders(id: DetectionId, isDone: boolean): Record<string, string> {
  const headers = { 'Cache-Control': 'private, no-cache', Vary: 'Prefer' };
  return isDone ? headers : { ...headers, 'Retry-After': retryAfter(id) };
}

export const retryAfter = (id: DetectionId) => String(retryAfterSeconds(Date.now() - timeOfDetectionId(id)));

/** The question had been accepted before under the same `Idempotency-Key`. Stays, whatever the answer will be. */
export const markReplay = (response: Response) => response.setHeader('Idempotency-Replay', 'true');
