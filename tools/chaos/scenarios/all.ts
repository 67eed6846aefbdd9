import type { Scenario } from '../scenario.ts';
import { workerKills } from './c01-worker-kills.ts';
import { gatewayKills } from './c02-gateway-kills.ts';
import { powerLosses } from './c03-power-losses.ts';
import { flush } from './c04-flush.ts';
import { redisDown } from './c05-redis-down.ts';
import { halfOpen } from './c06-half-open.ts';
import { failover } from './c07-failover.ts';
import { noRoom } from './c08-no-room.ts';
import { storeFaults } from './c09-store-faults.ts';
import { llmFaults } from './c10-llm-faults.ts';
import { poison } from './c11-poison.ts';
import { clocks } from './c12-clocks.ts';
import { oneKey } from './c13-one-key.ts';
import { deploy } from './c14-deploy.ts';

/** The fault table of reliability.md section 3. */
export const SCENARIOS: readonly Scenario[] = [
  workerKills,
  gatewayKills,
  powerLosses,
  flush,
  redisDown,
  halfOpen,
  failover,
  noRoom,
  storeFaults,
  llmFaults,
  poison,
  clocks,
  oneKey,
  deploy,
];
