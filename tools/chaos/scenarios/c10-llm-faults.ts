import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  answers,
  failsWith,
  hangs,
  openJudgeServer,
  rambles,
  refuses,
  truncates,
  type Reply,
} from '../../../services/llm-worker/tests/support/judge-server.ts';
import { createSeededRandom } from '@touchstone/fusion/seeded-random';
import { judgeEnvironment } from '../faults/moody-judge.ts';
import { runLoad } from '../load/run-load.ts';
import type { Scenario } from '../scenario.ts';

/** Shares of calls in the first half; the rest is answered well. Of any failure too many at once, and the breaker opens. */
const MOODS: readonly (readonly [share: number, Reply])[] = [
  [0.08, failsWith(429, {}, { 'retry-after': '1' })],
  [0.04, failsWith(500)],
  [0.03, hangs],
  [0.1, rambles],
  [0.1, refuses],
  [0.1, truncates],
];
/** Attempts of the queue, times two calls each (llm-and-fusion.md A4). */
const CALLS_PER_PICTURE = 12;

/** A language model with every bad mood there is; then it is down, then it wants to be left alone for two minutes. */
export const llmFaults: Scenario = {
  id: 'C10',
  title: 'faults of the language model',
  async run(run) {
    const judge = run.keep(await openJudgeServer());
    const random = createSeededRandom(run.seed);
    const callsOf = new Map<string, number>();
    let state: 'moody' | 'down' | 'overrun' = 'moody';
    let calls = 0;
    judge.always((response, call) => {
      judge.calls.length = 0;
      calls++;
      const picture = call.body.messages[1].content.find((part) => part.type === 'image_url')?.image_url.url ?? '';
      const name = createHash('sha256').update(picture).digest('hex');
      callsOf.set(name, (callsOf.get(name) ?? 0) + 1);
      if (state === 'down') return void response.destroy();
      if (state === 'overrun') return failsWith(429, {}, { 'retry-after': '120' })(response, call);
      let draw = random();
      for (const [share, reply] of MOODS) {
        if (draw < share) return reply(response, call);
        draw -= share;
      }
      return answers()(response, call);
    });
    const maxCalls = 2 * run.jobs;
    const system = await run.ownSystem({ env: judgeEnvironment(judge, { LLM_DAILY_CALLS: String(maxCalls) }) });
    const load = await runLoad(system, {
      jobs: run.jobs,
      windowMs: run.windowMsOf(run.jobs),
      seed: run.seed,
      async faults({ windowOver, windowMs }) {
        await delay(windowMs / 2, undefined, { signal: windowOver });
        state = 'down';
        await delay(windowMs / 4, undefined, { signal: windowOver });
        state = 'overrun';
      },
    });
    const rows = [...load.detections.values()].map(({ detectors }) => detectors.find(({ slot }) => slot === 'llm'));
    const unexplained = rows.filter((row) => row?.status !== 'completed' && (row?.reason ?? null) === null).length;
    const mostCalls = Math.max(0, ...callsOf.values());
    return {
      load,
      facts: { calls, most_calls_per_picture: mostCalls, llm: load.llm },
      misses: [
        ...(unexplained === 0 ? [] : [`${unexplained} verdicts do not say why the LLM is missing`]),
        ...(mostCalls <= CALLS_PER_PICTURE ? [] : [`${mostCalls} calls for one picture`]),
        ...(calls <= maxCalls ? [] : [`${calls} calls, more than the budget of ${maxCalls}`]),
      ],
    };
  },
};
