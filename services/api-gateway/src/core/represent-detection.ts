import { totalCost } from '@touchstone/shared/contracts/cost';
import type { Detection } from '@touchstone/shared/contracts/detection';
import type { Partial } from '@touchstone/shared/contracts/partial';
import type { RequestRecord } from '@touchstone/shared/contracts/request-record';
import type { DetectorResult, VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import { Slot, type DetectorReason, type DetectorStatus } from '@touchstone/shared/contracts/vocabulary';

export type DetectionState = {
  request: RequestRecord;
  revision: number;
  verdict: VerdictRecord | null;
  /** Those stored so far; not needed once there is a verdict. */
  partials: Partial[];
  /** Whether a worker has taken up the question, as far as is known. */
  hasStarted: boolean;
};

/** The public resource. It holds nothing that changes without news, such as a queue position: its ETag is a digest. */
export function representDetection({ request, revision, verdict, partials, hasStarted }: DetectionState): Detection {
  const { sha256, media_type, declared_media_type, bytes, width, height } = request.image;
  const seen = verdict?.image ?? partials.find((partial) => partial.image !== null)?.image ?? { width, height };
  return {
    id: request.id,
    status: verdict?.status ?? (hasStarted || partials.length > 0 ? 'processing' : 'queued'),
    done: verdict !== null,
    revision,
    external_id: request.options.external_id,
    created_at: request.accepted_at,
    completed_at: verdict?.completed_at ?? null,
    image: { sha256, media_type, declared_media_type, bytes, ...seen },
    verdict: verdict?.verdict ?? null,
    probability: verdict?.probability ?? null,
    calibrated: verdict?.calibrated ?? null,
    calibration: verdict?.calibration ?? null,
    summary: verdict?.summary ?? null,
    reasons: verdict?.reasons ?? [],
    operating_point: verdict?.operating_point ?? null,
    degraded: verdict?.degraded ?? [],
    detectors: verdict?.detectors ?? Slot.options.map((slot) => rowSoFar(slot, request, partials)),
    cost: verdict === null ? totalCost(partials) : (verdict.cost ?? null),
  };
}

function rowSoFar(slot: Slot, request: RequestRecord, partials: Partial[]): DetectorResult {
  const partial = partials.find((candidate) => candidate.slot === slot);
  const [status, reason] = partial ? [partial.status, partial.reason] : whyOpen(slot, request);
  return {
    slot,
    id: partial?.detector?.id ?? null,
    version: partial?.detector?.version ?? null,
    weights_sha256: partial?.detector?.weights_sha256 ?? null,
    status,
    reason,
    detail: partial?.detail ?? null,
    score: partial?.score ?? null,
    // Calibration and shares of the evidence exist only in the verdict.
    probability: null,
    contribution: null,
    regions: (partial?.faces ?? []).map((face) => ({ kind: 'face', ...face })),
    caveats: partial?.caveats ?? [],
    timings_ms: partial?.timings_ms ?? null,
    ...(partial?.judgement === undefined ? {} : { judgement: partial.judgement }),
  };
}

/** What the verdict will say of slots that owe no partial: docs/decisions/002. */
function whyOpen(slot: Slot, request: RequestRecord): [DetectorStatus, DetectorReason | null] {
  if (request.slots.includes(slot)) return ['pending', null];
  const { detectors, llm } = request.options;
  const isLeftOut = !detectors.includes(slot) && (slot !== 'llm' || llm !== undefined);
  return ['skipped', isLeftOut ? 'policy' : 'model_unavailable'];
}
