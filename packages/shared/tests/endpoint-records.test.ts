import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newEndpointId, type EndpointRecord } from '../src/contracts/webhook.ts';
import { openDirectoryObjectStore } from '../src/storage/directory-object-store.ts';
import { endpointKey, endpointPrefix } from '../src/storage/keys.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';
import { openEndpointRecords } from '../src/webhooks/endpoint-records.ts';
import { endpointOf } from './endpoint-fixture.ts';

const HOUR_MS = 3_600_000;
const at = new Date().toISOString();

const recordOf = (more: Partial<EndpointRecord> = {}) => endpointOf({ tenant: 'acme', description: '', ...more });

describe('endpoint records', () => {
  let folder: string;
  let store: ObjectStore;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'endpoints-'));
    store = await openDirectoryObjectStore(folder);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const add = (letter: string) => (record: EndpointRecord) => ({ description: `${record.description}${letter}` });
  const versionsOf = async ({ tenant, id }: EndpointRecord) =>
    (await store.list(endpointPrefix(tenant, id), null, 1_000)).map(({ key }) => Number(key.slice(-11, -5)));

  it('reads what was created, and nothing of another tenant', async () => {
    const records = openEndpointRecords(store);
    const record = recordOf();
    await records.create(record);
    expect(await records.read('acme', record.id)).toEqual(record);
    expect(await records.read('other', record.id)).toBeNull();
    expect(await records.change('other', record.id, add('x'))).toBeNull();
    await expect(records.create(record)).rejects.toThrow('not the first version');
  });

  it('lists the latest version of each that is not removed, oldest first', async () => {
    const records = openEndpointRecords(store);
    const [a, b, c] = [1, 2, 3].map((n) => recordOf({ id: newEndpointId(n * HOUR_MS) })) as [
      EndpointRecord,
      EndpointRecord,
      EndpointRecord,
    ];
    for (const record of [c, a, b]) await records.create(record);
    await records.create(recordOf({ tenant: 'other' }));
    await records.change('acme', a.id, add('changed'));
    await records.change('acme', b.id, () => ({ removed_at: at, secrets: [] }));
    expect((await records.list('acme')).map(({ id, description }) => [id, description])).toEqual([
      [a.id, 'changed'],
      [c.id, ''],
    ]);
    expect(await records.read('acme', b.id)).toBeNull();
    expect(await records.change('acme', b.id, add('x'))).toBeNull();
  });

  it('loses none of 10 changes at once', async () => {
    const record = recordOf();
    await openEndpointRecords(store).create(record);
    const letters = 'abcdefghij'.split('');
    const changed = await Promise.all(
      letters.map((letter) => openEndpointRecords(store).change('acme', record.id, add(letter))),
    );
    const latest = await openEndpointRecords(store).read('acme', record.id);
    expect(latest!.description!.split('').toSorted()).toEqual(letters);
    expect(latest!.version).toBe(11);
    expect(new Set(changed.map((each) => each!.version)).size).toBe(10);
  });

  it('stores nothing when there is nothing to change', async () => {
    const records = openEndpointRecords(store);
    const record = recordOf();
    await records.create(record);
    expect(await records.change('acme', record.id, () => null)).toEqual(record);
    expect(await versionsOf(record)).toEqual([1]);
  });

  it('keeps versions as long as somebody may be about to succeed them, and removes them later', async () => {
    let offsetMs = 0;
    const records = openEndpointRecords(store, () => Date.now() + offsetMs);
    const record = recordOf();
    await records.create(record);
    for (const letter of 'abcde') await records.change('acme', record.id, add(letter));
    expect(await versionsOf(record)).toEqual([1, 2, 3, 4, 5, 6]);
    offsetMs = 2 * HOUR_MS;
    await records.change('acme', record.id, add('f'));
    expect(await versionsOf(record)).toEqual([4, 5, 6, 7]);
    expect((await records.read('acme', record.id))!.description).toBe('abcdef');
  });

  it('does not lose the change of a writer that slept while others made and removed versions', async () => {
    const record = recordOf();
    const others = openEndpointRecords(store);
    await others.create(record);
    let wake = () => {};
    let isAsleep = () => {};
    const asleep = new Promise<void>((resolve) => (isAsleep = resolve));
    const woken = new Promise<void>((resolve) => (wake = resolve));
    const sleepy = openEndpointRecords({
      ...store,
      async create(key, body) {
        isAsleep();
        await woken;
        return store.create(key, body);
      },
    });
    const slept = sleepy.change('acme', record.id, add('z'));
    await asleep;
    for (const letter of 'abcdefg') await others.change('acme', record.id, add(letter));
    wake();
    await slept;
    expect((await others.read('acme', record.id))!.description).toBe('abcdefgz');
  });

  it('reads on when the version that it listed is gone before it is read', async () => {
    const record = recordOf();
    await openEndpointRecords(store).create(record);
    const first = endpointKey('acme', record.id, 1);
    const passed = openEndpointRecords({
      ...store,
      async read(key) {
        if (key === first && (await store.head(first)) !== null) {
          await openEndpointRecords(store).change('acme', record.id, add('new'));
          await store.delete(first);
        }
        return store.read(key);
      },
    });
    expect((await passed.list('acme')).map(({ description }) => description)).toEqual(['new']);
  });
});
