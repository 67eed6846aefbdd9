import type { Limits, Judged } from './report.ts';
import type { ChaosSystem, SystemOptions } from './system/chaos-system.ts';
import type { StoreKind } from './system/chaos-store.ts';

/** What a scenario gets. */
export type ScenarioRun = {
  jobs: number;
  seed: number;
  store: StoreKind;
  /** For its system and its data; it goes at the end of the run. */
  folder: string;
  /** The time over which so many jobs arrive. */
  windowMsOf(jobs: number): number;
  /** The system that scenarios share which leave it as they found it: with a receiver and a judge that have bad days. */
  usualSystem(): Promise<ChaosSystem>;
  /** One of the scenario's own; it is stopped after the scenario. */
  ownSystem(options: Omit<SystemOptions, 'store'> & { store?: StoreKind }): Promise<ChaosSystem>;
  /** Closed when the scenario is over. */
  keep<T extends { close(): Promise<void> }>(part: T): T;
  /** Closed after its system. */
  keepLast(part: { close(): Promise<void> }): void;
  say(text: string): void;
};

export type Measured = {
  load: Judged;
  facts: Record<string, unknown>;
  /** Instead of the usual ones. */
  limits?: Partial<Limits>;
  /** Jobs, where it runs another number than it was asked for. */
  jobs?: number;
  /** What it alone demands and did not get. */
  misses?: string[];
};

type Outcome = Measured | { skipped: string };

export type Scenario = {
  id: string;
  title: string;
  run(run: ScenarioRun): Promise<Outcome>;
  /** The same faults for plain BullMQ, where it is put to them. */
  peerFaults?: PeerFaults;
};

export type PeerFaults = 'kills' | 'power-losses' | 'flush';
