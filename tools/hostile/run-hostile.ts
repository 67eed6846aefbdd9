import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeBenchImage } from '../bench/bench-images.ts';
import { startBenchSystem } from '../bench/bench-system.ts';
import { readMachineFacts } from '../bench/machine-facts.ts';
import { feedFiles, type Door, type FileResult } from './feed-files.ts';
import { hostileFilesBelow } from './hostile-files.ts';
import type { HostileOptions } from './hostile-options.ts';
import { buildHostileReport, formatHostileReport, type FloodUse } from './hostile-report.ts';
import { floodUploads } from './upload-flood.ts';
import { watchSystem, type SystemWatch } from './watch-system.ts';

const BUNDLE = join(import.meta.dirname, '../../models/distildire-lite');
/** Ordinary images that come first: idle is a system that has worked, not one whose heaps have never been used. */
const ORDINARY_IMAGES = 20;
const SETTLE_MS = 3_000;
/** Many uploads are held against few, peak against peak: garbage that awaits its collection is in both. */
const FLOOD = { few: 5, roundsOfFew: 5, many: 50, bytes: 20_000_000 };
/** Room for all of the flood at once: what is asked is memory, not admission. */
const OWN_SETTINGS = {
  DETECTORS: 'sbi,distildire',
  WORKER_SLOTS: 'sbi,distildire',
  MAX_INFLIGHT_BYTES: '2000000000',
  MAX_QUEUED_PER_TENANT: '0',
};
const PROGRESS_EVERY = 250;

/** Feeds the files, prints the report and writes it. True when every bound was kept. */
export async function runHostile(
  options: HostileOptions,
  print: (text: string) => void,
  say: (text: string) => void,
): Promise<boolean> {
  const { url, dataDir, apiKey } = options;
  if (url !== undefined) {
    const watch = dataDir === undefined ? null : watchSystem(dataDir);
    try {
      return await feedAndReport(options, { url, apiKey }, watch, { hasFlood: false }, print, say);
    } finally {
      watch?.stop();
    }
  }
  const folder = await mkdtemp(join(tmpdir(), 'touchstone-hostile-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  process.once('exit', removeFolder);
  const system = await startBenchSystem(folder, BUNDLE, OWN_SETTINGS);
  const watch = watchSystem(dirname(system.objectsDir));
  try {
    return await feedAndReport(options, { url: system.url, apiKey }, watch, { hasFlood: true }, print, say);
  } finally {
    watch.stop();
    await system.stop();
    await rm(folder, { recursive: true, force: true });
    process.off('exit', removeFolder);
  }
}

async function feedAndReport(
  options: HostileOptions,
  door: Door,
  watch: SystemWatch | null,
  { hasFlood }: { hasFlood: boolean },
  print: (text: string) => void,
  say: (text: string) => void,
): Promise<boolean> {
  const machine = readMachineFacts();
  if (watch !== null) {
    const bytes = await makeBenchImage('1mp');
    const ordinary = Array.from({ length: ORDINARY_IMAGES }, () => ({ name: 'ordinary', bytes }));
    await feedFiles(door, ordinary, options.concurrency, () => undefined);
    await delay(SETTLE_MS);
    watch.markIdle();
  }
  const results: FileResult[] = [];
  const startedMs = performance.now();
  await feedFiles(door, allFiles(options.folders), options.concurrency, (result) => {
    results.push(result);
    if (results.length % PROGRESS_EVERY === 0) say(`${results.length} files`);
  });
  const seconds = (performance.now() - startedMs) / 1_000;
  const use = watch?.use() ?? null;
  if (results.length === 0) throw new Error('there is no file below the folders');
  const flood = hasFlood && watch !== null ? await measureFlood(door, watch) : null;
  const report = buildHostileReport({ machine, results, seconds, use, flood });
  print(formatHostileReport(report));
  if (options.jsonPath !== undefined) await writeFile(options.jsonPath, `${JSON.stringify(report, null, 2)}\n`);
  return report.bounds.every(({ pass }) => pass);
}

async function measureFlood(door: Door, watch: SystemWatch): Promise<FloodUse> {
  const peakOf = async (work: () => Promise<unknown>) => {
    watch.restartPeaks();
    await work();
    return watch.use().peakBytes['api-gateway']!;
  };
  const send = (count: number) => floodUploads(door.url, count, FLOOD.bytes, door.apiKey);
  const fewPeakBytes = await peakOf(async () => {
    for (let i = 0; i < FLOOD.roundsOfFew; i++) await send(FLOOD.few);
  });
  let statuses: number[] = [];
  const peakBytes = await peakOf(async () => {
    statuses = await send(FLOOD.many);
  });
  return { fewPeakBytes, peakBytes, statuses };
}

function* allFiles(folders: readonly string[]) {
  for (const folder of folders) yield* hostileFilesBelow(folder);
}
