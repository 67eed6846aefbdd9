import { beforeAll, describe, expect, it } from '@jest/globals';
import { runChaos } from '../../tools/chaos/run-chaos.ts';
import type { MeasuredRow } from '../../tools/chaos/report.ts';

const JOBS = 40;
/** Every role dies once or twice under it. */
const SEED = 7;

describe('the system under the chaos suite', () => {
  const rows: MeasuredRow[] = [];
  beforeAll(async () => {
    await runChaos(
      {
        scenarios: ['C1', 'C4'],
        jobs: JOBS,
        seed: SEED,
        store: 'directory',
        jsonPath: undefined,
        hasPeer: false,
        isLong: false,
      },
      (line) => void rows.push(JSON.parse(line) as MeasuredRow),
      () => undefined,
    );
  }, 120_000);

  it('loses, contradicts and repeats nothing while its workers are killed', () => {
    expect(rows[0]).toMatchObject({
      scenario: 'C1',
      accepted: JOBS,
      verdicts: JOBS,
      lost: 0,
      contradictory: 0,
      misses: [],
    });
    expect(rows[0]!.facts['kills']).toBeGreaterThan(0);
  });

  it('loses, contradicts and repeats nothing although Redis forgets everything', () => {
    expect(rows[1]).toMatchObject({
      scenario: 'C4',
      accepted: JOBS,
      verdicts: JOBS,
      lost: 0,
      contradictory: 0,
      misses: [],
    });
    expect(rows[1]!.facts['flushes']).toBe(1);
  });
});
