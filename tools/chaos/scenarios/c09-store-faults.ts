import { createSeededRandom } from '@touchstone/fusion/seeded-random';
import { judgeEnvironment, openMoodyJudge } from '../faults/moody-judge.ts';
import { openStoreProxy, type StoreFault, type StoreProxy } from '../faults/store-proxy.ts';
import { runLoad } from '../load/run-load.ts';
import type { Scenario } from '../scenario.ts';

const SHARES: readonly (readonly [share: number, StoreFault])[] = [
  [0.1, 'slow-down'],
  [0.05, 'late'],
  [0.03, 'conflict'],
  [0.02, 'lost-answer'],
];

/** The store is slow, busy, contended, and now and then does what it was asked without anybody hearing of it. */
export const storeFaults: Scenario = {
  id: 'C9',
  title: 'faults of the store',
  async run(run) {
    if (run.store !== 's3') return { skipped: 'a directory has no network that could fail; run it with --store s3' };
    const judge = run.keep(await openMoodyJudge(run.seed));
    const random = createSeededRandom(run.seed);
    let isFailing = false;
    const decide = (): StoreFault => {
      if (!isFailing) return 'none';
      let draw = random();
      for (const [share, fault] of SHARES) {
        if (draw < share) return fault;
        draw -= share;
      }
      return 'none';
    };
    let proxy: StoreProxy | undefined;
    const system = await run.ownSystem({
      env: judgeEnvironment(judge),
      async prepare({ store }) {
        proxy = run.keep(await openStoreProxy(store.endpoint!, decide));
      },
      twist: () => ({ env: { S3_ENDPOINT: proxy!.url } }),
    });
    const load = await runLoad(system, {
      jobs: run.jobs,
      windowMs: run.windowMsOf(run.jobs),
      seed: run.seed,
      async faults({ windowOver, outageEnded }) {
        isFailing = true;
        await new Promise((resolve) => windowOver.addEventListener('abort', resolve, { once: true }));
        isFailing = false;
        outageEnded();
      },
    });
    const refused = load.attempts.filter(({ status }) => status >= 500).length;
    return { load, facts: { store_faults: proxy!.counts, refused, llm: load.llm } };
  },
};
