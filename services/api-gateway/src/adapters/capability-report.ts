import { offeredPoints } from '@touchstone/fusion/offered-points';
import type { Capabilities } from '@touchstone/shared/contracts/capabilities';
import type { Heartbeat } from '@touchstone/shared/contracts/heartbeat';
import { settleWithin } from '@touchstone/shared/process/settle-within';
import { describeCapabilities, runningDetectors, type CapabilityFacts } from '../core/describe-capabilities.ts';
import { shareRecent } from './share-recent.ts';

export type CapabilityReport = {
  describe: () => Promise<Capabilities>;
  /** What the option `operating_point` accepts now. While no worker can be heard, what the calibration has. */
  operatingPoints: () => Promise<string[]>;
};

const LISTEN_LIMIT_MS = 250;
const FRESH_FOR_MS = 1_000;

/** Heartbeats are at most a second old and waited for 250 ms at most, however many ask. */
export function createCapabilityReport(
  facts: Omit<CapabilityFacts, 'beats'>,
  readHeartbeats: () => Promise<Heartbeat[]>,
): CapabilityReport {
  const listen = shareRecent(FRESH_FOR_MS, () => settleWithin(LISTEN_LIMIT_MS, readHeartbeats(), null));
  return {
    describe: async () => describeCapabilities({ ...facts, beats: await listen() }),
    operatingPoints: async () => offeredPoints(facts.calibration?.artefact ?? null, runningDetectors(await listen())),
  };
}
