import { DEFAULT_TENANT } from '@touchstone/shared/contracts/detection-id';
import type { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import type { RequestRecord } from '@touchstone/shared/contracts/request-record';
import type { DetectorResult, VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';

export const ID = 'det_0198f4f0000070008000000000000000';

export function rowOf(slot: Slot, more: Partial<DetectorResult> = {}): DetectorResult {
  return {
    slot,
    id: `${slot}-test`,
    version: '1.0.0',
    weights_sha256: 'a'.repeat(64),
    status: 'completed',
    reason: null,
    detail: null,
    score: 0.9,
    probability: 0.9,
    contribution: 0.5,
    regions: [],
    caveats: [],
    timings_ms: null,
    ...more,
  };
}

/** A row of a slot that gave no number. */
export const silentRow = (slot: Slot, more: Partial<DetectorResult>): DetectorResult =>
  rowOf(slot, { score: null, probability: null, contribution: null, ...more });

export function verdictOf(more: Partial<VerdictRecord> = {}): VerdictRecord {
  return {
    v: 1,
    id: ID,
    tenant: DEFAULT_TENANT,
    revision: 1,
    status: 'completed',
    verdict: 'manipulated',
    probability: 0.934,
    calibrated: false,
    calibration: null,
    operating_point: null,
    reasons: ['detectors_agree'],
    degraded: [],
    summary: 'The detectors agree that the image was manipulated.',
    detectors: [
      rowOf('sbi', { probability: 0.912 }),
      rowOf('distildire', { probability: 0.95 }),
      silentRow('llm', { status: 'skipped', reason: 'model_unavailable' }),
    ],
    image: { width: 30, height: 20 },
    completed_at: '2026-11-25T10:00:03.000Z',
    ...more,
  };
}

export function partialOf(slot: Slot, more: Partial<DetectorPartial> = {}): DetectorPartial {
  return {
    v: 1,
    id: ID,
    tenant: DEFAULT_TENANT,
    revision: 1,
    slot,
    status: 'completed',
    reason: null,
    detail: null,
    detector: { id: `${slot}-test`, version: '1.0.0', weights_sha256: 'a'.repeat(64), provider: 'cpu' },
    score: 0.9,
    scored_regions: 1,
    faces: [],
    image: { width: 30, height: 20 },
    caveats: [],
    timings_ms: null,
    created_at: '2026-11-25T10:00:02.000Z',
    ...more,
  };
}

export function requestOf(more: Partial<RequestRecord> = {}): RequestRecord {
  return {
    v: 1,
    id: ID,
    tenant: DEFAULT_TENANT,
    accepted_at: '2026-11-25T10:00:00.000Z',
    image: {
      sha256: 'd'.repeat(64),
      media_type: 'image/jpeg',
      declared_media_type: null,
      bytes: 1_000,
      width: 20,
      height: 30,
    },
    options: { external_id: null, detectors: ['sbi', 'distildire'], operating_point: null },
    slots: ['sbi', 'distildire'],
    priority: 10,
    ...more,
  };
}
