import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mean } from '../bench/percentile.ts';
import { asError } from '@touchstone/shared/process/error-code';
import type { ChaosOptions } from './chaos-options.ts';
import { judgeEnvironment, openMoodyJudge } from './faults/moody-judge.ts';
import { missesOf, rowOf, USUAL_LIMITS, type Row, type RowHead } from './report.ts';
import { runPeer } from './peer/run-peer.ts';
import type { PeerFaults, Scenario, ScenarioRun } from './scenario.ts';
import { SCENARIOS } from './scenarios/all.ts';
import { longRun } from './scenarios/long-run.ts';
import { isRadosgwInstalled, RADOSGW_PACKAGES } from '../radosgw/radosgw-installed.ts';
import type { StoreKind } from './system/chaos-store.ts';
import { startChaosSystem, type ChaosSystem } from './system/chaos-system.ts';
import { formatTable } from './table.ts';

/**
 * The pace of arrivals: a job costs all processes and this tool about 170 CPU-ms (measured), and two cores shall have room
 * for deaths as well. On s3 the store runs on the same cores: together about 300 CPU-ms.
 */
const MS_PER_JOB: Record<StoreKind, number> = { directory: 120, s3: 250 };
/** A few jobs still take long enough for every fault to meet them. */
const LEAST_WINDOW_MS = 8_000;

/** Runs the scenarios, each printed as it ends. True when all that were not skipped kept everything. */
export async function runChaos(
  options: ChaosOptions,
  print: (line: string) => void,
  say: (text: string) => void,
): Promise<boolean> {
  if (options.store === 's3' && !isRadosgwInstalled()) {
    throw new Error(`--store s3 needs a radosgw (Debian: ${RADOSGW_PACKAGES.join(' ')})`);
  }
  say(`seed ${options.seed}, ${options.jobs} jobs, store: ${options.store}`);
  const folder = await mkdtemp(join(tmpdir(), 'touchstone-chaos-'));
  // Also when the run is stopped: its processes end with their channels, the stored images would stay.
  const removeFolder = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  process.once('exit', removeFolder);
  const usual = createUsualSystem(folder, options);
  const rows: Row[] = [];
  const add = (row: Row) => {
    rows.push(row);
    print(`${JSON.stringify(row)}\n`);
  };
  try {
    const asked = options.isLong ? [longRun] : SCENARIOS.filter(({ id }) => options.scenarios.includes(id));
    for (const scenario of asked) {
      say(`${scenario.id}: ${scenario.title}`);
      add(await runScenario(scenario, options, folder, usual.get, say));
      if (scenario.peerFaults !== undefined && options.hasPeer) {
        say(`${scenario.id}: the same for plain BullMQ`);
        add(await runPeerBeside(scenario, scenario.peerFaults, options, folder, await usual.get()));
      }
    }
  } finally {
    await usual.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    process.off('exit', removeFolder);
  }
  say(formatTable(rows));
  if (options.jsonPath !== undefined) await writeFile(options.jsonPath, `${JSON.stringify(rows, null, 2)}\n`);
  return rows.every((row) => row.system !== 'touchstone' || row.pass);
}

async function runScenario(
  scenario: Scenario,
  options: ChaosOptions,
  folder: string,
  usualSystem: () => Promise<ChaosSystem>,
  say: (text: string) => void,
): Promise<Row> {
  const { jobs, seed, store } = options;
  const open: (() => Promise<void>)[] = [];
  const openLast: (() => Promise<void>)[] = [];
  const run: ScenarioRun = {
    jobs,
    seed,
    store,
    folder,
    windowMsOf: (count) => windowMsOf(store, count),
    usualSystem,
    async ownSystem(more) {
      const system = await startChaosSystem(folder, { store, ...more });
      open.unshift(() => system.stop());
      return system;
    },
    keep(part) {
      open.push(() => part.close());
      return part;
    },
    keepLast: (part) => void openLast.push(() => part.close()),
    say,
  };
  const head = (store_: RowHead['store'], jobsRun: number): RowHead => ({
    scenario: scenario.id,
    system: 'touchstone',
    title: scenario.title,
    store: store_,
    seed,
    jobs: jobsRun,
  });
  try {
    const outcome = await scenario.run(run);
    if ('skipped' in outcome) return { ...head(store, jobs), skipped: outcome.skipped, pass: true };
    const { load, facts, limits, misses = [], jobs: jobsRun = jobs } = outcome;
    const missed = [...missesOf(load, jobsRun, { ...USUAL_LIMITS, ...limits }), ...misses];
    return rowOf(head(store, jobsRun), load, facts, missed);
  } catch (error) {
    say(`${scenario.id} broke off: ${asError(error).stack}`);
    throw error;
  } finally {
    for (const close of [...open, ...openLast]) await close();
  }
}

async function runPeerBeside(
  { id, title }: Scenario,
  faults: PeerFaults,
  { jobs, seed, store }: ChaosOptions,
  folder: string,
  usual: ChaosSystem,
): Promise<Row> {
  const startupMs = mean(usual.rolesOf('gpu-worker', 'aggregator', 'llm-worker').map((role) => role.meanStartupMs()));
  const { load, facts } = await runPeer({ folder, jobs, windowMs: windowMsOf(store, jobs), seed, faults, startupMs });
  const head: RowHead = { scenario: id, system: 'plain-bullmq', title, store: 'redis', seed, jobs };
  return rowOf(head, load, facts, missesOf(load, jobs, USUAL_LIMITS));
}

const windowMsOf = (store: StoreKind, jobs: number) => Math.max(LEAST_WINDOW_MS, MS_PER_JOB[store] * jobs);

/** Started when the first scenario asks for it. */
function createUsualSystem(folder: string, options: ChaosOptions) {
  let opened: Promise<{ system: ChaosSystem; close(): Promise<void> }> | undefined;
  const start = async () => {
    const judge = await openMoodyJudge(options.seed);
    const system = await startChaosSystem(folder, { store: options.store, env: judgeEnvironment(judge) });
    return {
      system,
      async close() {
        await system.stop();
        await judge.close();
      },
    };
  };
  return {
    get: async () => (await (opened ??= start())).system,
    close: async () => {
      await (await opened?.catch(() => undefined))?.close();
    },
  };
}
