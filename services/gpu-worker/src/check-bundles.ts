import { basename } from 'node:path';
import { listSupportedBackends } from 'onnxruntime-node';
import { loadBundle, weightsSha256, type BundleProblem } from '@touchstone/models/load-bundle';
import type { Manifest } from '@touchstone/models/manifest';
import { readOpset } from '@touchstone/models/read-opset';
import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { asError } from '@touchstone/shared/process/error-code';
import { inferenceBundleOf, isFilled, loadSlots, type LoadedSlot } from './adapters/load-slots.ts';
import type { Config } from './config.ts';
import { openInferenceDevice } from './inference/open-inference-device.ts';
import type { BundleReport } from './inference/thread-messages.ts';

/** What an operator wants to know of the bundle in one slot. */
export type SlotCheck = {
  slot: CnnSlot;
  /** Last folder of its path. */
  folder: string;
  /** Id to weights: null when no manifest could be read. */
  id: string | null;
  version: string | null;
  licence: string | null;
  weights_sha256: string | null;
  /** Whether every graph is the file that the manifest names; null when it did not come to that. */
  sha256_ok: boolean | null;
  /** Standard operator set of each graph; null for a file that names none. */
  opsets: (number | null)[];
  /** The execution provider that ran it. */
  provider: string | null;
  golden: 'passed' | 'missed' | null;
  /** One warm run of a batch of one, in ms. */
  warm_ms: number | null;
  /** Null when the slot is ready. */
  problem: { code: ProblemCode; detail: string } | null;
  /** What onnxruntime said about it; may name folders. */
  cause: string | null;
};

type ProblemCode = BundleProblem['code'] | 'wrong_scope' | 'licence' | 'golden' | 'unusable' | 'device';

/** What `check-bundles-cli.ts` prints. */
export type BundleCheck = {
  provider: 'cpu' | 'cuda';
  device_id: number;
  /** What this build of onnxruntime can use, and whether it brings the libraries for it. */
  backends: { name: string; bundled: boolean }[];
  /** Why nothing can be computed on the device; null when it can. */
  device_problem: string | null;
  slots: SlotCheck[];
};

type CheckedConfig = Pick<
  Config,
  'slots' | 'modelPaths' | 'deploymentUse' | 'provider' | 'deviceId' | 'intraOpThreads' | 'maxBatch' | 'runTimeoutMs'
>;

const START_TIMEOUT_MS = 150_000;

/** Does with the configured bundles what a starting worker does, and tells how each step went. */
export async function checkBundles(config: CheckedConfig): Promise<BundleCheck> {
  const loaded = await loadSlots(config);
  const device = await openInferenceDevice({
    provider: config.provider,
    deviceId: config.deviceId,
    intraOpThreads: config.intraOpThreads,
    maxBatch: config.maxBatch,
    runTimeoutMs: config.runTimeoutMs,
    startTimeoutMs: START_TIMEOUT_MS,
    bundles: loaded.filter(isFilled).map(inferenceBundleOf),
    onCrash: () => undefined,
  }).catch((error: unknown) => asError(error));
  const isUsable = 'reports' in device;
  try {
    const reports = isUsable ? device.reports : null;
    const slots = await Promise.all(loaded.map((slot) => checkSlot(slot, config.modelPaths[slot.slot], reports)));
    return {
      provider: config.provider,
      device_id: config.deviceId,
      backends: listSupportedBackends().map(({ name, bundled }) => ({ name, bundled })),
      device_problem: isUsable ? null : device.message,
      slots,
    };
  } finally {
    if (isUsable) await device.close();
  }
}

/** `reports` is null when the device cannot be used. */
async function checkSlot(loaded: LoadedSlot, path: string, reports: BundleReport[] | null): Promise<SlotCheck> {
  const place = { slot: loaded.slot, folder: basename(path) };
  const notRun = { opsets: [], provider: null, golden: null, warm_ms: null, cause: null };
  if (loaded.bundle === null) {
    // The slot tells only what it tells clients; the bundle itself says how far it came.
    const again = await loadBundle(path);
    return {
      ...place,
      ...notRun,
      ...identityOf(again.ok ? again.bundle.manifest : null),
      sha256_ok: again.ok ? true : loaded.code === 'graph_changed' ? false : null,
      problem: { code: loaded.code, detail: loaded.detail },
    };
  }
  const { manifest, graphPaths } = loaded.bundle;
  const known = {
    ...place,
    ...notRun,
    ...identityOf(manifest),
    sha256_ok: true,
    opsets: await Promise.all(graphPaths.map(readOpset)),
  };
  const report = reports?.find(({ id }) => id === loaded.slot);
  if (report === undefined) return { ...known, problem: { code: 'device', detail: 'the device cannot be used' } };
  const { provider, warmMs, problem, cause } = report;
  if (problem === null) return { ...known, provider, golden: 'passed', warm_ms: warmMs, problem: null };
  const isGolden = problem.startsWith('golden vector ');
  return {
    ...known,
    golden: isGolden ? 'missed' : null,
    problem: { code: isGolden ? 'golden' : 'unusable', detail: problem },
    cause,
  };
}

function identityOf(manifest: Manifest | null): Pick<SlotCheck, 'id' | 'version' | 'licence' | 'weights_sha256'> {
  if (manifest === null) return { id: null, version: null, licence: null, weights_sha256: null };
  const { id, version, licence } = manifest;
  return { id, version, licence: licence.id, weights_sha256: weightsSha256(manifest) };
}
