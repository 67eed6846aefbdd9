import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { ObjectStore } from '../src/storage/object-store.ts';

const bytesOf = (text: string) => Buffer.from(text);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/**
 * What every adapter of the object store must do. `openStore` gives an empty store; `close` of the store is all that
 * the suite calls at the end, so the caller removes what lies below it.
 */
export function describeObjectStore(name: string, openStore: () => Promise<ObjectStore>): void {
  describe(`object store: ${name}`, () => {
    let store: ObjectStore;
    let scratch: string;
    beforeEach(async () => {
      store = await openStore();
      scratch = await mkdtemp(join(tmpdir(), 'object-store-'));
    });
    afterEach(async () => {
      await store.close();
      await rm(scratch, { recursive: true });
    });
    const keysUnder = async (prefix: string, after: string | null = null, limit = 100) =>
      (await store.list(prefix, after, limit)).map((found) => found.key);

    it('gives back the bytes that were created', async () => {
      const body = randomBytes(100_000);
      expect(await store.create('a/b/c', body)).toBe(true);
      expect(Buffer.from((await store.read('a/b/c')) ?? [])).toEqual(body);
    });

    it('gives back the bytes as a stream', async () => {
      const body = randomBytes(300_000);
      await store.create('a/stream', body);
      const stream = await store.readStream('a/stream');
      expect(stream).not.toBeNull();
      expect(sha256(await buffer(stream!))).toBe(sha256(body));
    });

    it('stores an empty object', async () => {
      expect(await store.create('index/t/1', new Uint8Array(0))).toBe(true);
      expect(await store.head('index/t/1')).toMatchObject({ key: 'index/t/1', bytes: 0 });
      expect(await store.read('index/t/1')).toHaveLength(0);
    });

    it('stores a file and leaves it to its owner', async () => {
      const body = randomBytes(70_000);
      const path = join(scratch, 'upload');
      await writeFile(path, body);
      expect(await store.create('uploads/t/1', { path, bytes: body.length, sha256: sha256(body) })).toBe(true);
      expect(Buffer.from((await store.read('uploads/t/1')) ?? [])).toEqual(body);
      expect((await stat(path)).size).toBe(body.length);
    });

    it('refuses a file whose size is not the one announced, and stores nothing', async () => {
      const path = join(scratch, 'short');
      await writeFile(path, bytesOf('abc'));
      await expect(store.create('uploads/t/2', { path, bytes: 4, sha256: '0'.repeat(64) })).rejects.toThrow(
        'spooled body has 3 bytes',
      );
      expect(await store.head('uploads/t/2')).toBeNull();
    });

    it('stores an empty file', async () => {
      const path = join(scratch, 'empty');
      await writeFile(path, '');
      expect(await store.create('uploads/t/3', { path, bytes: 0, sha256: sha256(new Uint8Array(0)) })).toBe(true);
      expect(await store.read('uploads/t/3')).toHaveLength(0);
    });

    it('keeps the first object when a second is created under its key', async () => {
      expect(await store.create('a/once', bytesOf('first'))).toBe(true);
      expect(await store.create('a/once', bytesOf('second'))).toBe(false);
      expect(Buffer.from((await store.read('a/once')) ?? []).toString()).toBe('first');
    });

    it('keeps an empty object when another is created under its key, and the other way round', async () => {
      expect(await store.create('a/empty', new Uint8Array())).toBe(true);
      expect(await store.create('a/empty', bytesOf('second'))).toBe(false);
      expect(await store.read('a/empty')).toHaveLength(0);
      expect(await store.create('a/full', bytesOf('first'))).toBe(true);
      expect(await store.create('a/full', new Uint8Array())).toBe(false);
      expect(await store.read('a/full')).toHaveLength(5);
    });

    it('lets exactly one of ten concurrent creates win', async () => {
      const bodies = Array.from({ length: 10 }, (_, i) => bytesOf(`writer ${i}`));
      const won = await Promise.all(bodies.map((body) => store.create('race/a', body)));
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(Buffer.from((await store.read('race/a')) ?? [])).toEqual(bodies[won.indexOf(true)]);
    });

    it('creates several in order, and says of each whether it is new', async () => {
      const path = join(scratch, 'upload');
      await writeFile(path, 'pixels');
      await store.create('order/2', bytesOf('first'));
      const objects = [
        { key: 'order/1', body: { path, bytes: 6, sha256: sha256(bytesOf('pixels')) } },
        { key: 'order/2', body: bytesOf('second') },
        { key: 'order/3', body: new Uint8Array() },
        { key: 'order/new/4', body: bytesOf('last') },
      ];
      expect(await store.createInOrder(objects, new AbortController().signal)).toEqual([true, false, true, true]);
      const texts = objects.map(async ({ key }) => Buffer.from((await store.read(key)) ?? []).toString());
      expect(await Promise.all(texts)).toEqual(['pixels', 'first', '', 'last']);
    });

    it('creates in order nothing behind a body that cannot be stored', async () => {
      const path = join(scratch, 'short');
      await writeFile(path, 'abc');
      const objects = [
        { key: 'order/1', body: { path, bytes: 4, sha256: '0'.repeat(64) } },
        { key: 'order/2', body: bytesOf('x') },
      ];
      await expect(store.createInOrder(objects, new AbortController().signal)).rejects.toThrow('has 3 bytes');
      expect(await keysUnder('order/')).toEqual([]);
    });

    it('creates in order nothing more once it is called off', async () => {
      const over = AbortSignal.abort(new Error('too late'));
      await expect(store.createInOrder([{ key: 'order/1', body: bytesOf('x') }], over)).rejects.toThrow('too late');
      expect(await store.head('order/1')).toBeNull();
    });

    it('says null for what does not exist', async () => {
      expect(await store.read('no/such')).toBeNull();
      expect(await store.readStream('no/such')).toBeNull();
      expect(await store.head('no/such')).toBeNull();
      expect(await keysUnder('no/such/')).toEqual([]);
    });

    it('reads nothing under a key that continues an object', async () => {
      await store.create('a/leaf', bytesOf('x'));
      expect(await store.read('a/leaf/below')).toBeNull();
    });

    it('dates an object by its creation', async () => {
      const before = Date.now();
      await store.create('a/dated', bytesOf('x'));
      const info = await store.head('a/dated');
      // S3 keeps whole seconds.
      expect(info?.modifiedMs).toBeGreaterThan(before - 2_000);
      expect(info?.modifiedMs).toBeLessThan(Date.now() + 2_000);
    });

    it('deletes, and deletes again without an error', async () => {
      await store.create('a/gone', bytesOf('x'));
      await store.delete('a/gone');
      await store.delete('a/gone');
      expect(await store.read('a/gone')).toBeNull();
      expect(await store.create('a/gone', bytesOf('y'))).toBe(true);
    });

    it('lists what a prefix names, in the order of whole keys', async () => {
      const keys = ['p/a-b/1', 'p/a.b', 'p/a/1', 'p/a/2', 'p/ab', 'q/1', 'p2'];
      for (const key of keys) await store.create(key, bytesOf(key));
      // '-' and '.' sort before '/': a directory walk by plain names would get this wrong.
      expect(await keysUnder('p/')).toEqual(['p/a-b/1', 'p/a.b', 'p/a/1', 'p/a/2', 'p/ab']);
      expect(await keysUnder('p/a')).toEqual(['p/a-b/1', 'p/a.b', 'p/a/1', 'p/a/2', 'p/ab']);
      expect(await keysUnder('p/a/')).toEqual(['p/a/1', 'p/a/2']);
    });

    it('pages through 1,100 keys without missing or repeating one', async () => {
      const keys = Array.from({ length: 1_100 }, (_, i) => `many/${i % 7}/${String(i).padStart(5, '0')}`);
      for (let i = 0; i < keys.length; i += 50) {
        await Promise.all(keys.slice(i, i + 50).map((key) => store.create(key, new Uint8Array(0))));
      }
      const seen: string[] = [];
      for (let after: string | null = null; ; after = seen.at(-1) ?? null) {
        const page = await keysUnder('many/', after, 300);
        seen.push(...page);
        if (page.length < 300) break;
      }
      expect(seen).toEqual(keys.toSorted());
      expect(await keysUnder('many/', null, 2_000)).toEqual(keys.toSorted());
      expect(await keysUnder('many/', null, 1_050)).toEqual(keys.toSorted().slice(0, 1_050));
    }, 60_000);

    it('lists what follows a key that does not exist, and nothing at the limit 0', async () => {
      for (const key of ['l/b', 'l/d/1', 'l/f']) await store.create(key, bytesOf('x'));
      expect(await keysUnder('l/', 'l/c')).toEqual(['l/d/1', 'l/f']);
      expect(await keysUnder('l/', 'a')).toEqual(['l/b', 'l/d/1', 'l/f']);
      expect(await keysUnder('l/', 'm')).toEqual([]);
      expect(await keysUnder('l/', null, 0)).toEqual([]);
    });

    it('lists the size and the date that head gives', async () => {
      await store.create('sized/a', bytesOf('12345'));
      const info = await store.head('sized/a');
      const [listed] = await store.list('sized/', null, 1);
      expect(listed).toMatchObject({ key: 'sized/a', bytes: 5 });
      // S3 dates with whole seconds in a header and with milliseconds in a listing.
      expect(Math.abs(listed!.modifiedMs - info!.modifiedMs)).toBeLessThan(1_000);
    });

    it('lists an object as soon as its create has returned', async () => {
      for (let i = 0; i < 20; i++) {
        await store.create(`fresh/${i}`, new Uint8Array(0));
        expect(await keysUnder('fresh/')).toContain(`fresh/${i}`);
      }
    });

    it.each(['', '/a', 'a/', 'a//b', 'a/../b', '..', './a', 'a b', 'a\\b', 'ä', 'a\u0000b'])(
      'throws on the key %j and touches nothing',
      async (key) => {
        await expect(store.create(key, bytesOf('x'))).rejects.toThrow('not an object key');
        await expect(async () => store.read(key)).rejects.toThrow('not an object key');
        expect(await store.list('', null, 10)).toEqual([]);
      },
    );
  });
}
