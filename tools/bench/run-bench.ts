import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../services/gpu-worker/src/config.ts';
import { openPrivateRedis } from '../redis/private-redis.ts';
import type { BenchContext, Method } from './bench-context.ts';
import type { BenchOptions, MethodId } from './bench-options.ts';
import { readMachineFacts } from './machine-facts.ts';
import { measureEngine } from './r1-engine.ts';
import { measureDeviceFeed } from './r2-device-feed.ts';
import { measureSubmit } from './r3-submit.ts';
import { measureQueue } from './r4-queue.ts';
import { measureOverload } from './r5-overload.ts';
import { measureCeiling } from './r6-ceiling.ts';
import { measureBatching } from './r7-batching.ts';
import { measureMemory } from './r8-memory.ts';
import { buildReport, passes, type MethodResult } from './report.ts';
import { formatTable } from './table.ts';

const METHODS: Record<MethodId, Method> = {
  R1: measureEngine,
  R2: measureDeviceFeed,
  R3: measureSubmit,
  R4: measureQueue,
  R5: measureOverload,
  R6: measureCeiling,
  R7: measureBatching,
  R8: measureMemory,
};

/** Runs the methods, prints the table and writes the report. True when every target was kept. */
export async function runBench(
  options: BenchOptions,
  print: (text: string) => void,
  say: (text: string) => void,
): Promise<boolean> {
  const machine = readMachineFacts();
  if (options.provider === 'cuda' && machine.gpus.length === 0) {
    throw new Error('--gpu: nvidia-smi finds no GPU on this machine');
  }
  const folder = await mkdtemp(join(tmpdir(), 'touchstone-bench-'));
  // Also when the bench is stopped: its processes end with their channels, thousands of stored images would stay.
  const removeFolder = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  process.once('exit', removeFolder);
  const redis = await openPrivateRedis({ cacheDir: join(import.meta.dirname, '../../.tools/redis') });
  const context: BenchContext = {
    slots: options.slots,
    isQuick: options.isQuick,
    provider: options.provider,
    intraOpThreads: loadConfig({ REDIS_URL: redis.url, EXECUTION_PROVIDER: options.provider }).intraOpThreads,
    folder,
    redisUrl: redis.url,
    say,
  };
  const results: MethodResult[] = [];
  try {
    for (const id of options.methods) results.push(...(await METHODS[id](context)));
  } finally {
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
    process.off('exit', removeFolder);
  }
  print(formatTable(machine, results));
  if (options.isQuick) print('A quick run shows that everything runs; its figures mean nothing.\n');
  if (options.jsonPath !== undefined) {
    await writeFile(options.jsonPath, `${JSON.stringify(buildReport(machine, results), null, 2)}\n`);
  }
  return results.every(passes);
}
