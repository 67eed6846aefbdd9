import { judgeEnvironment, openMoodyJudge } from '../faults/moody-judge.ts';
import { makePicture, makeSwellingPicture } from '../load/pictures.ts';
import { runLoad } from '../load/run-load.ts';
import type { Scenario } from '../scenario.ts';

/** 3 in 200. */
const EVERY = 66;
const FIRST = 10;
const isPoison = (number: number) => number % EVERY === FIRST;

/** Now and then a picture that breaks every decoder that it meets, among many that are sound. */
export const poison: Scenario = {
  id: 'C11',
  title: 'pictures that break the decoder',
  async run(run) {
    const judge = run.keep(await openMoodyJudge(run.seed));
    const system = await run.ownSystem({ env: judgeEnvironment(judge, { PREPARER_PROCESSES: '2' }) });
    const swelling = makeSwellingPicture();
    // Half as many in the same time: what a poison costs a decoder is real work as well.
    const jobs = Math.max(20, Math.round(run.jobs / 2));
    const load = await runLoad(system, {
      jobs,
      windowMs: run.windowMsOf(run.jobs),
      seed: run.seed,
      owed: [],
      faults: async () => undefined,
      pictureOf: async (number) => (isPoison(number) ? swelling : makePicture(number)),
    });
    const ended = load.accepts.map(({ id, externalId }) => ({
      isPoison: isPoison(Number(externalId.slice('job-'.length))),
      detection: load.detections.get(id),
    }));
    const innocentsFailed = ended.filter(
      (one) =>
        !one.isPoison && one.detection?.detectors.find(({ slot }) => slot === 'distildire')?.status !== 'completed',
    ).length;
    const poisons = ended.filter((one) => one.isPoison);
    const unnamed = poisons.filter(
      ({ detection }) => detection?.verdict !== 'unable_to_evaluate' || !detection.reasons.includes('undecodable'),
    ).length;
    const workerLives = system.rolesOf('gpu-worker')[0]!.uptime().lives;
    return {
      load,
      jobs,
      facts: { poisons: poisons.length, innocents_failed: innocentsFailed, worker_lives: workerLives },
      misses: [
        ...(innocentsFailed === 0 ? [] : [`${innocentsFailed} innocent pictures failed`]),
        ...(unnamed === 0 ? [] : [`${unnamed} poisons without the verdict that they cannot be decoded`]),
        ...(workerLives === 1 ? [] : ['a picture killed the worker itself']),
      ],
    };
  },
};
