import { checkBundles } from './check-bundles.ts';
import { checkDisk } from './check-disk.ts';
import { checkFaceDetector } from './check-face-detector.ts';
import { createLlmCheck } from './check-llm.ts';
import { checkMemory } from './check-memory.ts';
import { checkNode } from './check-node.ts';
import { checkPorts } from './check-ports.ts';
import { checkRedis } from './check-redis.ts';
import { checkRunningSystem } from './check-running-system.ts';
import { checkSettings } from './check-settings.ts';
import { checkStore } from './check-store.ts';
import type { Check } from './run-checks.ts';

/** In the order in which they are shown: what others depend on comes first. */
export const CHECKS: readonly Check[] = [
  checkNode,
  checkSettings,
  checkMemory,
  checkDisk,
  checkStore,
  checkRedis,
  checkPorts,
  checkRunningSystem,
  checkFaceDetector,
  checkBundles,
  createLlmCheck(),
];
