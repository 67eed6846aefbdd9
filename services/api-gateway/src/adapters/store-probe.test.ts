import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { createStoreProbe } from './store-probe.ts';

describe('the probe of the store', () => {
  let dir: string;
  let store: ObjectStore;
  let creates: number;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'probe-'));
    const real = await openDirectoryObjectStore(dir);
    creates = 0;
    store = {
      ...real,
      create: (key, body) => {
        creates++;
        return real.create(key, body);
      },
    };
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('is one for all who ask at once or shortly after, and leaves nothing', async () => {
    const probe = createStoreProbe(store);
    expect(await Promise.all(Array.from({ length: 20 }, probe))).toEqual(Array.from({ length: 20 }, () => true));
    expect(await probe()).toBe(true);
    expect(creates).toBe(1);
    expect(await store.list('', null, 10)).toEqual([]);
  });

  it('is not misled by what another could not remove', async () => {
    const stuck = { ...store, delete: () => Promise.reject(new Error('no')) };
    expect(await createStoreProbe(stuck)()).toBe(true);
    expect(await createStoreProbe(stuck)()).toBe(true);
  });

  it('finds a disk that is full, which takes names and no bytes', async () => {
    const full: ObjectStore = {
      ...store,
      create: async (key, body) => {
        if (!(body instanceof Uint8Array) || body.byteLength > 0) throw new Error('ENOSPC');
        return store.create(key, body);
      },
    };
    expect(await createStoreProbe(full)()).toBe(false);
  });
});
