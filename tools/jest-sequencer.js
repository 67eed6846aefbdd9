/**
 * What takes longest, in this order. Jest knows such things from its last run only: in a fresh clone a long file that
 * happened to start last would keep one worker busy while the other has nothing left to do.
 */
const LONGEST = [
  'tests/e2e/chaos',
  'tests/e2e/',
  'import-weights/',
  'shared/tests/s3-object-store',
  'gpu-worker/tests/preparer-photos',
  'aggregator/tests/',
  'llm-worker/tests/',
  'evaluate/evaluate',
  'doctor/check-bundles',
  'start/supervisor',
  'imaging/tests/',
  'api-gateway/tests/',
  'gpu-worker/tests/',
];

/** Long files first, then by size, always in the same order. */
export default class LongestFirst {
  sort(tests) {
    const rank = ({ path }) => {
      const index = LONGEST.findIndex((part) => path.includes(part));
      return index < 0 ? LONGEST.length : index;
    };
    const size = ({ path, context }) => context.hasteFS.getSize(path) ?? 0;
    return tests.toSorted((a, b) => rank(a) - rank(b) || size(b) - size(a));
  }

  cacheResults() {
    // The order does not depend on the last run.
  }
}
