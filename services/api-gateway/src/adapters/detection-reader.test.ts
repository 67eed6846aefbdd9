import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { PendingMarker, RequestRecord } from '@touchstone/shared/contracts/request-record';
import { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { createJson } from '@touchstone/shared/storage/json-object';
import { indexKey, pendingKey, requestKey, verdictKey } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { requestOf, verdictOf } from '../../tests/verdict-fixtures.ts';
import { createDetectionReader } from './detection-reader.ts';

const HOUR_MS = 3_600_000;

describe('the list', () => {
  let dir: string;
  let store: ObjectStore;
  let unreadable: string[];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'reader-'));
    store = await openDirectoryObjectStore(dir);
    unreadable = [];
  });
  afterEach(() => rm(dir, { recursive: true }));

  /** A detection as it was accepted some hours ago, with its marker or without. */
  const put = async (hoursAgo: number, hasMarker: boolean): Promise<string> => {
    const ms = Date.now() - hoursAgo * HOUR_MS;
    const id = newDetectionId(ms);
    const ref = { tenant: 'default', id, revision: 1 };
    await createJson(store, requestKey('default', id), RequestRecord, requestOf({ id }));
    await store.create(indexKey('default', id, ms), new Uint8Array());
    if (hasMarker) await createJson(store, pendingKey(ref), PendingMarker, ref);
    return id;
  };
  const list = async (from: ObjectStore = store) => {
    const reader = createDetectionReader({
      store: from,
      redis: { status: 'end' } as Redis,
      prefix: 'test',
      jobs: { hasStarted: async () => false },
      onUnreadable: (id) => unreadable.push(id),
    });
    const { bodies } = await reader.page('default', null, 10);
    return bodies.map((body) => (JSON.parse(body) as { id: string }).id);
  };

  it('leaves out a record that cannot be read, tells so, and shows the others', async () => {
    const older = await put(3, true);
    const broken = await put(2, true);
    const newer = await put(1, true);
    await writeFile(join(dir, requestKey('default', broken)), '{');
    expect(await list()).toEqual([newer, older]);
    expect(unreadable).toEqual([broken]);
  });

  it('fails as a whole when the store does', async () => {
    await put(1, true);
    const down = Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'read' });
    await expect(list({ ...store, read: () => Promise.reject(down) })).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    expect(unreadable).toEqual([]);
  });

  it('hides what nobody was promised once it is a day old, and nothing else', async () => {
    const promised = await put(30, true);
    const ghost = await put(26, false);
    const done = await put(25, false);
    const ref = { tenant: 'default', id: done, revision: 1 };
    await createJson(store, verdictKey(ref), VerdictRecord, verdictOf(ref));
    const young = await put(23, false);
    expect(await list()).toEqual([young, done, promised]);
    expect(ghost).toMatch(/^det_/);
  });

  it('shows what got its verdict between two looks', async () => {
    const id = await put(30, false);
    const ref = { tenant: 'default', id, revision: 1 };
    const head: ObjectStore['head'] = async () => {
      await createJson(store, verdictKey(ref), VerdictRecord, verdictOf(ref));
      return null;
    };
    expect(await list({ ...store, head })).toEqual([id]);
  });
});
