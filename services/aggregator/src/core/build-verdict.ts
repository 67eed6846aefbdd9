import { totalCost } from '@touchstone/shared/contracts/cost';
import type { Partial } from '@touchstone/shared/contracts/partial';
import type { RequestRecord } from '@touchstone/shared/contracts/request-record';
import type { DetectorResult, VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import { Slot, type DetectorReason, type DetectorStatus } from '@touchstone/shared/contracts/vocabulary';
import { fuse, type Fusion } from '@touchstone/fusion/fuse';
import type { LoadedCalibration } from '@touchstone/fusion/load-calibration';
import { summarise } from './summarise.ts';

export type VerdictInput = {
  request: RequestRecord;
  revision: number;
  partials: Partial[];
  calibration: LoadedCalibration | null;
  /** True when a day has passed without the detectors. */
  expired: boolean;
  nowMs: number;
};

/** The whole verdict record from what is there. Pure: the same partials in any order give the same answer. */
export function buildVerdict(input: VerdictInput): VerdictRecord {
  const { request, revision, partials, calibration, expired } = input;
  const asked = fuse(calibration?.artefact ?? null, partials, request.options.operating_point);
  const fusion = expired && asked.probability === null ? expiredFusion(asked) : asked;
  const detectors = Slot.options.map((slot) => detectorRow(slot, request, partials, fusion));
  const degraded = detectors.flatMap((row) =>
    request.options.detectors.includes(row.slot) && row.reason !== null && isLoss(row)
      ? [{ detector: row.slot, reason: row.reason }]
      : [],
  );
  const told = {
    status: expired ? ('expired' as const) : ('completed' as const),
    verdict: fusion.verdict,
    probability: fusion.probability === null ? null : round(fusion.probability),
    calibrated: fusion.calibrated,
    reasons: fusion.reasons,
    degraded,
  };
  return {
    v: 1,
    id: request.id,
    tenant: request.tenant,
    revision,
    ...told,
    calibration:
      fusion.calibrated && calibration !== null
        ? { id: calibration.artefact.id, sha256: calibration.sha256, domain: calibration.artefact.domain }
        : null,
    operating_point: fusion.operatingPoint,
    summary: summarise({ ...told, detectors }, partials),
    detectors,
    image: partials.find((partial) => partial.image !== null)?.image ?? null,
    cost: totalCost(partials),
    completed_at: new Date(input.nowMs).toISOString(),
  };
}

function expiredFusion(fusion: Fusion): Fusion {
  return { ...fusion, verdict: 'unable_to_evaluate', reasons: ['expired'] };
}

/** Six decimals: more would only show rounding noise of the hardware. */
const round = (probability: number) => Math.round(probability * 1e6) / 1e6;
/** An LLM that was only to be asked in doubt, and was not, is none. */
const isLoss = ({ status, reason }: DetectorResult) =>
  status !== 'completed' && status !== 'not_applicable' && reason !== 'policy';

function detectorRow(slot: Slot, request: RequestRecord, partials: Partial[], fusion: Fusion): DetectorResult {
  const partial = partials.find((candidate) => candidate.slot === slot);
  if (partial === undefined) return unansweredRow(slot, request);
  const own = slot === 'llm' ? partial.score : (fusion.probabilities.get(slot) ?? null);
  const contribution = slot === 'llm' ? null : (fusion.contributions.get(slot) ?? null);
  return {
    slot,
    id: partial.detector?.id ?? null,
    version: partial.detector?.version ?? null,
    weights_sha256: partial.detector?.weights_sha256 ?? null,
    status: partial.status,
    reason: partial.reason,
    detail: partial.detail,
    score: partial.score,
    probability: own === null ? null : round(own),
    contribution: contribution === null ? null : round(contribution),
    regions: partial.faces.map((face) => ({ kind: 'face', ...face })),
    caveats: partial.caveats,
    timings_ms: partial.timings_ms,
    ...(partial.judgement === undefined ? {} : { judgement: partial.judgement }),
  };
}

function unansweredRow(slot: Slot, request: RequestRecord): DetectorResult {
  const [status, reason] = whyUnanswered(slot, request);
  return {
    slot,
    id: null,
    version: null,
    weights_sha256: null,
    status,
    reason,
    detail: null,
    score: null,
    probability: null,
    contribution: null,
    regions: [],
    caveats: [],
    timings_ms: null,
  };
}

function whyUnanswered(slot: Slot, request: RequestRecord): [DetectorStatus, DetectorReason] {
  if (request.slots.includes(slot)) return ['timed_out', 'deadline'];
  // Asked for and not here, or left out by the client; `llm` says which where the deployment has an LLM.
  const { detectors, llm } = request.options;
  const leftOut = !detectors.includes(slot) && (slot !== 'llm' || llm !== undefined);
  return ['skipped', leftOut ? 'policy' : 'model_unavailable'];
}
