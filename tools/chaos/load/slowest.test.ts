import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_TENANT, newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { partialKey } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import type { Trace } from '../account.ts';
import { slowestOf } from './slowest.ts';

let folder: string;
let objects: ObjectStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slowest-'));
  objects = await openDirectoryObjectStore(folder);
});
afterEach(async () => {
  await objects.close();
  await rm(folder, { recursive: true });
});

const traceOf = (verdictMs: number | null): Trace => ({
  id: newDetectionId(0),
  acceptedMs: 1_000,
  verdictMs,
  missing: [],
  views: [],
  deliveries: [],
});

it('shows of the slowest questions when each part was there, counted like their recovery', async () => {
  const slow = traceOf(9_000);
  const ref = { tenant: DEFAULT_TENANT, id: slow.id as ReturnType<typeof newDetectionId>, revision: 1 };
  const partial = { created_at: new Date(8_500).toISOString() };
  await objects.create(partialKey(ref, 'sbi'), Buffer.from(JSON.stringify(partial)));
  const others = Array.from({ length: 9 }, (_, i) => traceOf(2_000 + i));
  const shown = await slowestOf(objects, [...others, slow, traceOf(null)], [5_000]);
  expect(shown[0]).toEqual({ id: slow.id, accepted_ms: -4_000, verdict_ms: 4_000, sbi: 3_500 });
  expect(shown.map(({ verdict_ms }) => verdict_ms)).toEqual([4_000, 1_008, 1_007, 1_006, 1_005]);
});
