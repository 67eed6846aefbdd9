import type { Heartbeat } from '@touchstone/shared/contracts/heartbeat';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';
import { settleWithin } from '@touchstone/shared/process/settle-within';
import { shareRecent } from './share-recent.ts';

type PartState = 'ok' | 'unavailable';
type DetectorHealth = {
  state: 'ready' | 'unavailable' | 'unknown';
  bundle: Heartbeat['detectors'][number]['bundle'];
  provider: string | null;
  detail: string | null;
};

/** The body of `/health`. */
export type HealthReport = {
  status: 'ok' | 'degraded';
  version: string;
  parts: {
    redis: { state: PartState };
    store: { state: PartState };
    workers: { state: PartState | 'unknown'; gpu_worker: number | null; aggregator: number | null };
    detectors: Record<string, DetectorHealth>;
  };
};

export type HealthDeps = {
  version: string;
  slots: Slot[];
  pingRedis(): Promise<unknown>;
  readHeartbeats(): Promise<Heartbeat[]>;
  canWriteStore(): Promise<boolean>;
};

const PROBE_LIMIT_MS = 250;
const FRESH_FOR_MS = 1_000;

/** Reports are at most a second old and take 250 ms at most, however many ask and whatever hangs. */
export function createHealthReporter(deps: HealthDeps): () => Promise<HealthReport> {
  const look = async (): Promise<HealthReport> => {
    const [redis, beats, store] = await Promise.all([
      settleWithin(
        PROBE_LIMIT_MS,
        deps.pingRedis().then(() => true),
        false,
      ),
      settleWithin(PROBE_LIMIT_MS, deps.readHeartbeats(), null),
      settleWithin(PROBE_LIMIT_MS, deps.canWriteStore(), false),
    ]);
    const count = (role: Heartbeat['role']) => beats?.filter((beat) => beat.role === role).length ?? null;
    const gpuWorkers = count('gpu-worker');
    const aggregators = count('aggregator');
    const detectors = Object.fromEntries(deps.slots.map((slot) => [slot, detectorHealth(slot, beats)]));
    const workers = beats === null ? 'unknown' : gpuWorkers && aggregators ? 'ok' : 'unavailable';
    const isWell =
      redis && store && workers === 'ok' && Object.values(detectors).every(({ state }) => state === 'ready');
    return {
      status: isWell ? 'ok' : 'degraded',
      version: deps.version,
      parts: {
        redis: { state: redis ? 'ok' : 'unavailable' },
        store: { state: store ? 'ok' : 'unavailable' },
        workers: { state: workers, gpu_worker: gpuWorkers, aggregator: aggregators },
        detectors,
      },
    };
  };
  return shareRecent(FRESH_FOR_MS, look);
}

/** The best that any living worker tells of a slot. */
function detectorHealth(slot: Slot, beats: Heartbeat[] | null): DetectorHealth {
  const open = { bundle: null, provider: null };
  if (beats === null) return { state: 'unknown', ...open, detail: 'Redis does not answer, so no worker can be heard.' };
  const reports = beats.flatMap((beat) => beat.detectors.filter((report) => report.slot === slot));
  const best = reports.find((report) => report.state === 'ready') ?? reports[0];
  if (best === undefined) return { state: 'unavailable', ...open, detail: 'No running worker has this detector.' };
  return { state: best.state, bundle: best.bundle, provider: best.provider, detail: best.detail };
}
