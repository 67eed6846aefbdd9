import { refuseByLicence, type DeploymentUse } from '@touchstone/models/licence-gate';
import { loadBundle, type Bundle, type BundleProblem } from '@touchstone/models/load-bundle';
import type { Manifest } from '@touchstone/models/manifest';
import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import type { DetectorReport } from '@touchstone/shared/contracts/heartbeat';
import type { Detector } from '../core/build-partial.ts';
import type { InputPlan } from '../core/prepared-image.ts';
import type { BundleReport, InferenceBundle } from '../inference/thread-messages.ts';

/** A slot and the bundle that its path names, or why it cannot have it. */
export type LoadedSlot = { slot: CnnSlot; bundle: Bundle } | EmptySlot;
type EmptySlot = {
  slot: CnnSlot;
  bundle: null;
  code: BundleProblem['code'] | 'licence' | 'wrong_scope';
  /** Names the variable of the path. */
  detail: string;
};
type FilledSlot = Extract<LoadedSlot, { bundle: Bundle }>;

/** What the answer of a slot is about; clients and calibration go by the slot's name. */
const SCOPES: Record<CnnSlot, Manifest['scope']> = { sbi: 'face-forgery', distildire: 'whole-image' };
/** What an operator chose and a copy of the bundle does not mend: such a slot answers that it has no model. */
const CHOSEN: EmptySlot['code'][] = ['pytorch_files', 'licence'];

/** Reads and checks the bundle of every slot; one that cannot be used makes its slot unavailable, nothing else. */
export async function loadSlots(options: {
  slots: readonly CnnSlot[];
  modelPaths: Record<CnnSlot, string>;
  deploymentUse: DeploymentUse;
}): Promise<LoadedSlot[]> {
  return await Promise.all(
    options.slots.map(async (slot): Promise<LoadedSlot> => {
      const refuse = (code: EmptySlot['code'], detail: string): EmptySlot => ({
        slot,
        bundle: null,
        code,
        detail: `MODEL_${slot.toUpperCase()}_PATH: ${detail}`,
      });
      const loaded = await loadBundle(options.modelPaths[slot]);
      if (!loaded.ok) return refuse(loaded.problem.code, loaded.problem.detail);
      const { id, scope } = loaded.bundle.manifest;
      if (scope !== SCOPES[slot]) {
        return refuse('wrong_scope', `${id} is a bundle for ${scope}; the slot ${slot} takes one for ${SCOPES[slot]}`);
      }
      const refusal = refuseByLicence(loaded.bundle.manifest, options.deploymentUse);
      return refusal === null ? { slot, bundle: loaded.bundle } : refuse('licence', refusal);
    }),
  );
}

export const isFilled = (slot: LoadedSlot): slot is FilledSlot => slot.bundle !== null;

export const planOf = ({ slot, bundle: { manifest } }: FilledSlot): InputPlan => ({
  slot,
  orientation: manifest.decode.orientation,
  steps: manifest.preparation,
  tensor: manifest.tensor,
});

export const inferenceBundleOf = ({ slot, bundle }: FilledSlot): InferenceBundle => ({
  id: slot,
  manifest: bundle.manifest,
  graphPaths: bundle.graphPaths,
});

/** The slot with what the inference device says about its bundle. */
export function createDetector(loaded: LoadedSlot, reports: BundleReport[]): Detector {
  const { slot } = loaded;
  if (loaded.bundle === null) {
    return { state: 'unavailable', slot, detail: loaded.detail, answers: CHOSEN.includes(loaded.code) };
  }
  const { manifest, weightsSha256 } = loaded.bundle;
  const report = reports.find(({ id }) => id === slot);
  if (report === undefined || report.provider === null || report.warmMs === null) {
    const detail = `${manifest.id}: ${report?.problem ?? 'it was not loaded'}`;
    return { state: 'unavailable', slot, detail, answers: false };
  }
  const identity = {
    id: manifest.id,
    version: manifest.version,
    weights_sha256: weightsSha256,
    provider: report.provider,
  };
  return { state: 'ready', slot, manifest, identity, warmMs: report.warmMs };
}

/** The slot as the heartbeat tells it. */
export function describeDetector(detector: Detector): DetectorReport {
  const { slot, state } = detector;
  if (state === 'unavailable') {
    return { slot, state, detail: detector.detail, bundle: null, provider: null, warm_ms: null };
  }
  const { provider, ...bundle } = detector.identity;
  return { slot, state, detail: null, bundle, provider, warm_ms: detector.warmMs };
}
