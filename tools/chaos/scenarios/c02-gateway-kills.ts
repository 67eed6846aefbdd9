import { judgeEnvironment, openMoodyJudge } from '../faults/moody-judge.ts';
import { openTcpProxy } from '../faults/tcp-proxy.ts';
import { runLoadUnderKills } from '../load/run-load-under-kills.ts';
import type { Scenario } from '../scenario.ts';

/** Each way between the gateway and Redis: most of a submission's time then lies between the marker and the queue. */
const ENQUEUE_DELAY_MS = 100;

/** The gateway dies too, mostly between the last put and the queue; its clients repeat under one Idempotency-Key. */
export const gatewayKills: Scenario = {
  id: 'C2',
  title: 'workers and gateway killed',
  async run(run) {
    const judge = run.keep(await openMoodyJudge(run.seed));
    let proxyPort = 0;
    const system = await run.ownSystem({
      env: judgeEnvironment(judge),
      async prepare({ redis }) {
        const proxy = run.keep(await openTcpProxy(redis.socketPath));
        proxy.delay(ENQUEUE_DELAY_MS);
        proxyPort = proxy.port;
      },
      twist: (role) => (role === 'api-gateway' ? { redisUrl: `redis://127.0.0.1:${proxyPort}` } : {}),
    });
    const roles = system.rolesOf('gpu-worker', 'aggregator', 'llm-worker', 'api-gateway');
    const { load, facts } = await runLoadUnderKills(system, roles, run);
    const cutOff = load.attempts.filter(({ status }) => status === 0).length;
    // The promise stood although its client never heard of it, and was found again under the key.
    const replays = load.attempts.filter(({ isReplay }) => isReplay).length;
    return { load, facts: { ...facts, cut_off: cutOff, replays } };
  },
};
