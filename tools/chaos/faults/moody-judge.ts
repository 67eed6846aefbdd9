import {
  answers,
  failsWith,
  hangs,
  openJudgeServer,
  type JudgeServer,
  type Reply,
} from '../../../services/llm-worker/tests/support/judge-server.ts';
import { createSeededRandom } from '@touchstone/fusion/seeded-random';

/** Shares of calls that fail; the rest is answered. */
const MOODS: readonly (readonly [share: number, Reply])[] = [
  [0.1, failsWith(429, {}, { 'retry-after': '1' })],
  [0.05, failsWith(500)],
  [0.02, hangs],
];

/** A server with a language model that has the usual bad days: 10 % 429, 5 % 500, 2 % silence. */
export async function openMoodyJudge(seed: number): Promise<JudgeServer> {
  const random = createSeededRandom(seed);
  const server = await openJudgeServer();
  const answer = answers({ fake_probability: 0.3, verdict: 'authentic' });
  server.always((response, call) => {
    // What was asked is not looked at, and would fill the memory of a long run with pictures.
    server.calls.length = 0;
    let draw = random();
    for (const [share, reply] of MOODS) {
      if (draw < share) return reply(response, call);
      draw -= share;
    }
    return answer(response, call);
  });
  return server;
}

/** Settings of a system that asks this server, with a grace that is short for the sake of a short run. */
export const judgeEnvironment = (server: JudgeServer, more: Record<string, string> = {}): Record<string, string> => ({
  OPENAI_API_KEY: 'sk-chaos',
  OPENAI_BASE_URL: server.url,
  OPENAI_MODEL: 'judge-chaos',
  LLM_GRACE_MS: '6000',
  LLM_TIMEOUT_MS: '2500',
  ...more,
});
