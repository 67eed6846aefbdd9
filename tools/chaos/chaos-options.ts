import { parseArgs } from 'node:util';
import { SCENARIOS } from './scenarios/all.ts';
import type { StoreKind } from './system/chaos-store.ts';

export type ChaosOptions = {
  /** Ids of scenarios. */
  scenarios: string[];
  jobs: number;
  seed: number;
  store: StoreKind;
  jsonPath: string | undefined;
  hasPeer: boolean;
  isLong: boolean;
};

const LONG_JOBS = 10_000;
const USUAL_JOBS = 400;

export const USAGE = `npm run chaos -- [options]
  --scenario C1,C4   these alone, or all (the default): ${SCENARIOS.map(({ id }) => id).join(', ')}
  --jobs N           detections of each scenario, ${USUAL_JOBS} unless told otherwise; the time scales with them
  --seed S           of arrivals, kills and bad days; printed, so that a run can be repeated
  --store KIND       directory (the default), or s3: a radosgw of one's own
  --json FILE        writes all rows as one JSON array as well
  --no-peer          leaves plain BullMQ out, which stands beside C1, C3 and C4 otherwise
  --long             ${LONG_JOBS} detections, 1,000 kills, 20 power losses and 3 flushes in one run of about half an hour`;

/** Throws with the reason when an option is not understood. */
export function parseChaosOptions(args: readonly string[], nowMs: number): ChaosOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string', default: 'all' },
      jobs: { type: 'string' },
      seed: { type: 'string' },
      store: { type: 'string', default: 'directory' },
      json: { type: 'string' },
      'no-peer': { type: 'boolean', default: false },
      long: { type: 'boolean', default: false },
    },
  });
  const known = SCENARIOS.map(({ id }) => id);
  const asked = values.scenario === 'all' ? known : values.scenario.split(',').map((id) => id.trim().toUpperCase());
  const unknown = asked.filter((id) => !known.includes(id));
  if (unknown.length > 0) throw new Error(`--scenario: no ${unknown.join(', ')}; there are ${known.join(', ')}`);
  if (values.store !== 'directory' && values.store !== 's3') throw new Error('--store: directory or s3');
  return {
    scenarios: known.filter((id) => asked.includes(id)),
    jobs: wholeNumber('jobs', values.jobs ?? String(values.long ? LONG_JOBS : USUAL_JOBS), 1, 100_000),
    seed: wholeNumber('seed', values.seed ?? String(nowMs % 1_000_000), 0, 2 ** 31),
    store: values.store,
    jsonPath: values.json,
    hasPeer: !values['no-peer'],
    isLong: values.long,
  };
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`--${name}: a whole number from ${least} to ${most}`);
}
