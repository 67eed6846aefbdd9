import { refuseByLicence, type DeploymentUse } from '@touchstone/models/licence-gate';
import { loadBundle, type Bundle } from '@touchstone/models/load-bundle';
import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import type { DetectorReport } from '@touchstone/shared/contracts/heartbeat';
import type { Detector } from '../core/build-partial.ts';
import type { InputPlan } from '../core/prepared-image.ts';
import type { BundleReport, InferenceBundle } from '../inference/thread-messages.ts';

/** A slot and the bundle that its path names, or why it cannot have it. */
export type LoadedSlot = { slot: CnnSlot; bundle: Bundle } | { slot: CnnSlot; bundle: null; detail: string };
type FilledSlot = Extract<LoadedSlot, { bundle: Bundle }>;

/** Reads and checks the bundle of every slot; one that cannot be used makes its slot unavailable, nothing else. */
export async function loadSlots(options: {
  slots: readonly CnnSlot[];
  modelPaths: Record<CnnSlot, string>;
  deploymentUse: DeploymentUse;
}): Promise<LoadedSlot[]> {
  return await Promise.all(
    options.slots.map(async (slot): Promise<LoadedSlot> => {
      const loaded = await loadBundle(options.modelPaths[slot]);
      const refused = loaded.ok
        ? refuseByLicence(loaded.bundle.manifest, options.deploymentUse)
        : loaded.problem.detail;
      if (loaded.ok && refused === null) return { slot, bundle: loaded.bundle };
      return { slot, bundle: null, detail: `MODEL_${slot.toUpperCase()}_PATH: ${refused}` };
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
  if (loaded.bundle === null) return { state: 'unavailable', slot, detail: loaded.detail };
  const { manifest, weightsSha256 } = loaded.bundle;
  const report = reports.find(({ id }) => id === slot);
  if (report === undefined || report.provider === null || report.warmMs === null) {
    return { state: 'unavailable', slot, detail: `${manifest.id}: ${report?.problem ?? 'it was not loaded'}` };
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
