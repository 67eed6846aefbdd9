import { expect, it } from '@jest/globals';
import { newDetectionId } from '../contracts/detection-id.ts';
import { newUploadId } from '../contracts/upload-id.ts';
import {
  idOfIndexKey,
  incomingKey,
  indexKey,
  parseIncomingKey,
  parseMarkerKey,
  pendingKey,
  uploadRecordKey,
} from './keys.ts';

it('reads back a pending key', () => {
  const ref = { tenant: 'acme-1', id: newDetectionId(Date.now()), revision: 12 };
  expect(parseMarkerKey(pendingKey(ref))).toEqual(ref);
  expect(parseMarkerKey('pending/zz/a/det_1.r1')).toBeNull();
});

it('reads back the key of an upload and that of its record', () => {
  const ref = { tenant: 'acme-1', id: newUploadId(Date.now()) };
  for (const keyOf of [incomingKey, uploadRecordKey]) expect(parseIncomingKey(keyOf(ref.tenant, ref.id))).toEqual(ref);
  expect(parseIncomingKey(`incoming/acme-1/${newDetectionId(1)}`)).toBeNull();
});

it('sorts the index newest first', () => {
  const ids = [1_000, 2_000, 1_700_000_000_000].map((ms) => ({ ms, id: newDetectionId(ms) }));
  const keys = ids.map(({ ms, id }) => indexKey('t', id, ms));
  expect(keys.toSorted()).toEqual(keys.toReversed());
  expect(keys.map(idOfIndexKey)).toEqual(ids.map(({ id }) => id));
});
