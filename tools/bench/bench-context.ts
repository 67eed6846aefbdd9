import type { MethodResult } from './report.ts';

/** What every method gets. */
export type BenchContext = {
  slots: number;
  /** Everything is to be tried, nothing to be measured. */
  isQuick: boolean;
  provider: 'cpu' | 'cuda';
  /** Threads of a session, as the worker would take on this machine. */
  intraOpThreads: number;
  /** For bundles and data; it goes at the end of the run. */
  folder: string;
  /** Of a private Redis, for the methods that run no whole system. */
  redisUrl: string;
  /** Progress, for people. */
  say(text: string): void;
};

/** Gives one result, or one for each id that it measures in the same slots. */
export type Method = (context: BenchContext) => Promise<MethodResult[]>;
