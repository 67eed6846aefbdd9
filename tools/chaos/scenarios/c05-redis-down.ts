import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../../bench/percentile.ts';
import { runLoad } from '../load/run-load.ts';
import type { Measured, Scenario } from '../scenario.ts';
import { combine } from './combine.ts';
import { resumedAfterMs } from './resumed-after.ts';

const OUTAGES_MS = [3_000, 15_000, 60_000];
const FULL_JOBS = 400;
const BEFORE_MS = 2_000;
const AFTER_MS = 8_000;
const ANSWER_LIMIT_MS = 3_000;
const RESUME_LIMIT_MS = 5_000;

/** Redis is away for a while, and pictures go on arriving. With fewer jobs than 400 the outages are shorter as well. */
export const redisDown: Scenario = {
  id: 'C5',
  title: 'Redis down 3, 15, 60 s',
  async run(run) {
    const system = await run.usualSystem();
    const jobs = Math.max(5, Math.round(run.jobs / 8));
    const loads: Measured[] = [];
    for (const [index, fullMs] of OUTAGES_MS.entries()) {
      const downMs = Math.round(fullMs * Math.min(1, run.jobs / FULL_JOBS));
      let backMs = 0;
      const load = await runLoad(system, {
        jobs,
        windowMs: BEFORE_MS + downMs + AFTER_MS,
        seed: run.seed + index,
        async faults({ outageEnded }) {
          await delay(BEFORE_MS);
          await system.redis.kill();
          await delay(downMs);
          await system.redis.start();
          backMs = Date.now();
          outageEnded();
        },
      });
      const slowestMs = Math.round(Math.max(...load.attempts.map(({ tookMs }) => tookMs)));
      const resumedMs = resumedAfterMs(load.traces, backMs);
      const unanswered = load.attempts.filter(
        ({ status, hasRetryAfter }) => status !== 202 && !(status === 503 && hasRetryAfter),
      ).length;
      loads.push({
        load,
        facts: {
          [`down_${downMs}_ms`]: {
            resumed_after_ms: resumedMs,
            slowest_answer_ms: slowestMs,
            median_answer_ms: Math.round(
              percentile(
                load.attempts.map(({ tookMs }) => tookMs),
                0.5,
              ),
            ),
          },
        },
        misses: [
          ...(slowestMs <= ANSWER_LIMIT_MS ? [] : [`an answer took ${slowestMs} ms`]),
          ...(resumedMs !== null && resumedMs <= RESUME_LIMIT_MS
            ? []
            : [`resumed ${resumedMs} ms after Redis came back`]),
          ...(unanswered === 0 ? [] : [`${unanswered} answers were neither 202 nor 503 with Retry-After`]),
        ],
      });
    }
    return { ...combine(loads), jobs: jobs * OUTAGES_MS.length };
  },
};
