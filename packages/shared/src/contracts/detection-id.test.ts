import { describe, expect, it } from '@jest/globals';
import { DetectionId, newDetectionId, Tenant, timeOfDetectionId } from './detection-id.ts';

describe('detection ids', () => {
  it('are UUIDv7 in hex after their prefix', () => {
    for (let i = 0; i < 200; i++) expect(DetectionId.safeParse(newDetectionId(Date.now())).success).toBe(true);
  });
  it('carry the time of their making, and sort by it', () => {
    const times = [0, 1, 65_535, 65_536, 1_700_000_000_000, 281_474_976_710_655];
    expect(times.map((time) => timeOfDetectionId(newDetectionId(time)))).toEqual(times);
    const ids = times.map(newDetectionId);
    expect(ids.toSorted()).toEqual(ids);
  });
  it.each(['det_', 'det_00', 'DET_0198f4f0000070008000000000000000', 'det_0198f4f0000040008000000000000000', '../x'])(
    'are not %s',
    (text) => expect(DetectionId.safeParse(text).success).toBe(false),
  );
});

it.each(['', 'A', 'a_b', '-a', 'a-', 'a/b', '..', 'a'.repeat(41)])('%j is not a tenant', (text) => {
  expect(Tenant.safeParse(text).success).toBe(false);
});
