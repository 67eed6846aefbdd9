import { EventEmitter, once } from 'node:events';
import { killsWithin } from '../faults/kill-plan.ts';
import { killRoles } from '../faults/kill-roles.ts';
import { judgeEnvironment, openMoodyJudge } from '../faults/moody-judge.ts';
import { flushAll, losePower, spread } from '../faults/redis-faults.ts';
import { runLoad } from '../load/run-load.ts';
import type { Scenario } from '../scenario.ts';
import { uptimesOf } from '../system/uptimes.ts';

const KILLS = 1_000;
const POWER_LOSSES = 20;
const FLUSHES = 3;
/** Starts take longer under fire than they did in peace; arrivals also wait for the kills that are due by then. */
const MARGIN = 1.3;
/** Starts and jobs together are to leave two cores some air. */
const LEAST_MS_PER_JOB = 200;
const STOP_GRACE_MS = 25_000;
const SAY_EVERY_MS = 30_000;

/** Everything at once, for long: reliability.md section 3, "release claim". */
export const longRun: Scenario = {
  id: 'LONG',
  title: `${KILLS} kills, ${POWER_LOSSES} power losses, ${FLUSHES} flushes`,
  async run(run) {
    const judge = run.keep(await openMoodyJudge(run.seed));
    const system = await run.ownSystem({
      env: judgeEnvironment(judge),
      instances: { 'gpu-worker': 2, aggregator: 2, 'llm-worker': 2 },
    });
    // One by one: the first time they all started at once, and none can start so fast again.
    for (const role of system.roles) {
      await role.stop(STOP_GRACE_MS);
      role.start();
      await role.untilReady();
    }
    const startupsMs = system.roles.map((role) => role.lastStartupMs());
    const share = run.jobs / 10_000;
    const killsPerMs = killsWithin(1, startupsMs);
    const windowMs = Math.max(run.jobs * LEAST_MS_PER_JOB, (share * KILLS * MARGIN) / killsPerMs);
    const times = (count: number) => Math.max(1, Math.round(share * count));
    for (const role of system.roles) {
      const startupMs = Math.round(role.lastStartupMs());
      run.say(`${role.name} starts in ${startupMs} ms`);
    }
    run.say(
      `${run.jobs} jobs over ${Math.round(windowMs / 60_000)} min, about ${Math.round(killsPerMs * windowMs)} kills`,
    );
    const startMs = performance.now();
    const killed = new EventEmitter();
    let acceptedCount = 0;
    const noted: Record<string, number> = {};
    const say = () =>
      run.say(
        JSON.stringify({ at_s: Math.round((performance.now() - startMs) / 1_000), accepted: acceptedCount, ...noted }),
      );
    const saying = setInterval(say, SAY_EVERY_MS);
    try {
      const load = await runLoad(system, {
        jobs: run.jobs,
        windowMs,
        seed: run.seed,
        drainLimitMs: 120_000,
        async untilDue(sent) {
          while ((noted['kills'] ?? 0) < (share * KILLS * sent) / run.jobs) await once(killed, 'kill');
        },
        onProgress: (count) => void (acceptedCount = count),
        async faults(context) {
          const note = (name: string, value: number) => {
            context.note(name, value);
            noted[name] = (noted[name] ?? 0) + value;
          };
          const noting = { ...context, note };
          const noteWindow = () => context.note('window_s', Math.round((performance.now() - startMs) / 1_000));
          context.windowOver.addEventListener('abort', noteWindow, { once: true });
          await Promise.all([
            killRoles(system.roles, {
              seed: run.seed,
              until: context.windowOver,
              onKill() {
                note('kills', 1);
                killed.emit('kill');
              },
            }),
            spread(context, times(POWER_LOSSES), () => losePower(system.redis, noting)),
            spread(context, times(FLUSHES), () => flushAll(system.redis, noting)),
          ]);
        },
      });
      const short = (['kills', 'power_losses', 'flushes'] as const).flatMap((name, index) => {
        const wanted = times([KILLS, POWER_LOSSES, FLUSHES][index]!);
        const had = load.notes[name] ?? 0;
        return had >= wanted ? [] : [`only ${had} ${name} of ${wanted}`];
      });
      return {
        load,
        facts: { ...load.notes, llm: load.llm, ...uptimesOf(system.roles) },
        misses: short,
      };
    } finally {
      clearInterval(saying);
    }
  },
};
