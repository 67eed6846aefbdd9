import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DEFAULT_TENANT } from '@touchstone/shared/contracts/detection-id';
import { requestKey } from '@touchstone/shared/storage/keys';
import { judgeEnvironment, openMoodyJudge } from '../faults/moody-judge.ts';
import { mountSmallDisk } from '../faults/small-disk.ts';
import { runLoad } from '../load/run-load.ts';
import type { Scenario } from '../scenario.ts';

/** Room for what Redis and the store write in a run. */
const REDIS_DISK_MB = 96;
const storeDiskMb = (jobs: number) => 64 + jobs;

/** First the memory of Redis is used up, then its disk, then the disk of the store; each comes back by itself. */
export const noRoom: Scenario = {
  id: 'C8',
  title: 'memory and disks full',
  async run(run) {
    const judge = run.keep(await openMoodyJudge(run.seed));
    const redisDisk = await mountSmallDisk(join(run.folder, 'redis-disk'), REDIS_DISK_MB);
    const storeDisk =
      run.store === 'directory' ? await mountSmallDisk(join(run.folder, 'store-disk'), storeDiskMb(run.jobs)) : null;
    // A disk can only be taken away when nobody is at home any more.
    if (redisDisk !== null) run.keepLast(redisDisk);
    if (storeDisk !== null) run.keepLast(storeDisk);
    if (redisDisk === null) run.say('C8: no disks are filled, because only root may mount a small one');
    const system = await run.ownSystem({
      env: judgeEnvironment(judge),
      ...(redisDisk === null ? {} : { redisDir: join(redisDisk.path, 'redis') }),
      ...(storeDisk === null ? {} : { dataDir: join(storeDisk.path, 'data') }),
    });
    const { client } = system.redis;
    // A rewrite of the AOF would look for room of its own.
    await client.config('SET', 'auto-aof-rewrite-percentage', '0');
    const windowMs = Math.max(run.windowMsOf(run.jobs), 12_000);
    const load = await runLoad(system, {
      jobs: run.jobs,
      windowMs,
      seed: run.seed,
      async faults({ outageEnded, note }) {
        const phaseMs = windowMs / 7;
        await delay(phaseMs);
        const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
        await client.config('SET', 'maxmemory', String(used));
        note('memory_full', 1);
        await delay(phaseMs);
        await client.config('SET', 'maxmemory', '0');
        outageEnded();
        for (const [name, disk] of [
          ['redis_disk_full', redisDisk],
          ['store_disk_full', storeDisk],
        ] as const) {
          await delay(phaseMs);
          if (disk === null) continue;
          disk.fill();
          note(name, 1);
          await delay(phaseMs);
          await disk.free();
          outageEnded();
        }
      },
    });
    let promisedWithoutRecord = 0;
    for (const { id } of load.accepts) {
      if ((await system.store.objects.head(requestKey(DEFAULT_TENANT, id))) === null) promisedWithoutRecord++;
    }
    const refused = load.attempts.filter(({ status }) => status >= 500).length;
    return {
      load,
      facts: { ...load.notes, refused, llm: load.llm },
      misses: promisedWithoutRecord === 0 ? [] : [`${promisedWithoutRecord} promises without a durable record`],
    };
  },
};
