import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import type { ObjectStore, PutGrant, PutTarget } from '../src/storage/object-store.ts';

/** What every adapter must do that offers presigned puts; `openStore` gives an empty store. */
export function describePresignedPuts(name: string, openStore: () => Promise<ObjectStore>): void {
  describe(`presigned puts: ${name}`, () => {
    const body = randomBytes(50_000);
    const sha256 = createHash('sha256').update(body).digest('hex');
    let store: ObjectStore;
    beforeEach(async () => {
      store = await openStore();
    });
    afterEach(() => store.close());

    const sign = (grant: Partial<PutGrant> = {}) =>
      store.presignPut!({
        key: 'incoming/t/1',
        mediaType: 'image/png',
        bytes: body.length,
        sha256,
        validForS: 60,
        ...grant,
      });
    /** As any client would, with nothing but the target and the bytes. */
    const put = async (
      target: PutTarget,
      bytes: Uint8Array<ArrayBuffer> = body,
      change: Record<string, string> = {},
    ) => {
      const headers = { ...target.headers, ...change };
      const kept = Object.entries(headers).filter(([, value]) => value !== '');
      const answer = await fetch(target.url, { method: target.method, headers: kept, body: bytes });
      await answer.arrayBuffer();
      return answer.status;
    };

    it('takes the bytes from a client without credentials, and has them as if we had created them', async () => {
      expect(await put(await sign())).toBe(200);
      expect(await store.head('incoming/t/1')).toMatchObject({ bytes: body.length });
      expect(Buffer.from((await store.read('incoming/t/1'))!)).toEqual(body);
    });

    it('takes them once: a second put is refused, and so is one where an object stands', async () => {
      const target = await sign();
      expect(await put(target)).toBe(200);
      expect(await put(target)).toBe(412);
      await store.create('incoming/t/2', Buffer.from('first'));
      expect(await put(await sign({ key: 'incoming/t/2' }))).toBe(412);
      expect(Buffer.from((await store.read('incoming/t/2'))!).toString()).toBe('first');
    });

    it.each([
      ['one byte less', body.subarray(1), {}],
      ['one byte more', Buffer.concat([body, body.subarray(0, 1)]), {}],
      ['another type', body, { 'content-type': 'text/html' }],
      ['no condition', body, { 'if-none-match': '' }],
    ])('refuses a put with %s, and stores nothing', async (_, bytes, change) => {
      expect(await put(await sign(), bytes, change)).toBe(403);
      expect(await store.head('incoming/t/1')).toBeNull();
    });

    it('refuses a put without a length, which could be of any size', async () => {
      const { url, headers } = await sign();
      const stream = new ReadableStream({
        start(controller) {
          controller.enqueue(body);
          controller.close();
        },
      });
      const answer = await fetch(url, { method: 'PUT', headers, body: stream, duplex: 'half' });
      expect(answer.ok).toBe(false);
      expect(await store.head('incoming/t/1')).toBeNull();
    });

    it('refuses another key, and a read of the same one', async () => {
      const target = await sign();
      expect(await put({ ...target, url: target.url.replace('incoming/t/1', 'incoming/t/2') })).toBe(403);
      expect(await store.list('incoming/', null, 10)).toEqual([]);
      await put(target);
      expect((await fetch(target.url)).status).toBe(403);
    });

    it('refuses a put once its time is over', async () => {
      const target = await sign({ validForS: 1 });
      // The wrong type keeps the target unused while the clock of the store runs on.
      for (const endMs = Date.now() + 2_100; Date.now() < endMs;)
        await put(target, body, { 'content-type': 'text/html' });
      expect(await put(target)).toBe(403);
      expect(await store.head('incoming/t/1')).toBeNull();
    });

    it('throws on what is no key', async () => {
      await expect(sign({ key: 'incoming/../t' })).rejects.toThrow('not an object key');
    });
  });
}
