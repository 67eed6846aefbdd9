import type { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import type { Judgement } from '@touchstone/shared/contracts/judgement';
import type { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import type { RequestRecord } from '@touchstone/shared/contracts/request-record';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';

const ID = 'det_0198f4f0000070008000000000000000';
const weightsOf: Record<Slot, string> = { sbi: 'a'.repeat(64), distildire: 'b'.repeat(64), llm: 'c'.repeat(64) };

/** What an LLM said for tests; of the model and the prompt that `artefactOf` was fitted for. */
export function judgementOf(verdict: Judgement['verdict'], more: Partial<Judgement> = {}): Judgement {
  return {
    model: 'test',
    prompt_sha256: weightsOf.llm,
    system_fingerprint: null,
    verdict,
    artifacts: [],
    image_type: 'photo',
    applicability: { faces: 1, text_overlay: 0, artwork: false, screenshot: false },
    quality_limits: [],
    contains_instructions: false,
    tokens_in: 1_000,
    tokens_out: 100,
    usd: null,
    ...more,
  };
}

/** A detector's answer for tests; `completed` with a score unless told otherwise. The LLM says what its score says. */
export function partialOf(slot: Slot, score: number | null, more: Partial<DetectorPartial> = {}): DetectorPartial {
  return {
    v: 1,
    id: ID,
    tenant: 'default',
    revision: 1,
    slot,
    status: score === null ? 'not_applicable' : 'completed',
    reason: score === null ? 'no_face' : null,
    detail: null,
    detector: { id: `${slot}-test`, version: '1.0.0', weights_sha256: weightsOf[slot], provider: 'cpu' },
    score,
    scored_regions: score === null ? 0 : 1,
    faces: [],
    image: { width: 640, height: 480 },
    caveats: [],
    timings_ms: null,
    created_at: '2026-11-25T10:00:00.000Z',
    ...(slot === 'llm' && score !== null ? { judgement: judgementOf(score >= 0.5 ? 'manipulated' : 'authentic') } : {}),
    ...more,
  };
}

export function requestOf(more: Partial<RequestRecord> = {}): RequestRecord {
  return {
    v: 1,
    id: ID,
    tenant: 'default',
    accepted_at: '2026-11-25T09:59:59.000Z',
    image: {
      sha256: 'd'.repeat(64),
      media_type: 'image/jpeg',
      declared_media_type: null,
      bytes: 1_000,
      width: 640,
      height: 480,
    },
    options: { external_id: null, detectors: ['sbi', 'distildire'], operating_point: null },
    slots: ['sbi', 'distildire'],
    priority: 10,
    ...more,
  };
}

/** A small artefact with round numbers, fitted for the weights of `partialOf`. */
export function artefactOf(): CalibrationArtefact {
  const bands = {
    fpr_1pct: {
      alpha: 0.01,
      cnn: { lo: 0.1, hi: 0.9 },
      with_llm: { lo: 0.1, hi: 0.95 },
      n_real: 500,
      n_fake: 500,
      measured_fpr: 0.009,
    },
    fpr_5pct: {
      alpha: 0.05,
      cnn: { lo: 0.3, hi: 0.7 },
      with_llm: { lo: 0.3, hi: 0.75 },
      n_real: 500,
      n_fake: 500,
      measured_fpr: 0.048,
    },
  };
  const platt = { a: 2, b: 0.5 };
  return {
    format: 1,
    id: 'cal-test',
    created_at: '2026-11-25T09:00:00.000Z',
    domain: 'synthetic',
    fitted_n: { real: 500, fake: 500 },
    default_operating_point: 'fpr_5pct',
    detectors: {
      sbi: { version: '1.0.0', weights_sha256: weightsOf.sbi, clip: 0.001, platt },
      distildire: { version: '1.0.0', weights_sha256: weightsOf.distildire, clip: 0.001, platt },
    },
    llm: { model: 'test', prompt_sha256: weightsOf.llm, platt: { a: 1, b: 0 }, cap_b: 2 },
    subsets: {
      sbi: { w0: 0, w: { sbi: 1 }, w_llm: 0.5, bands },
      distildire: { w0: 0, w: { distildire: 1 }, w_llm: 0.5, bands },
      'distildire+sbi': { w0: -0.25, w: { sbi: 0.5, distildire: 0.75 }, w_llm: 0.5, bands },
    },
  };
}
