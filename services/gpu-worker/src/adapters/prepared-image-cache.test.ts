import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { UndecodableImageError } from '@touchstone/imaging/undecodable-image-error';
import type { PreparedImage } from '../core/prepared-image.ts';
import { openPreparedImageCache, type PreparedImageCache } from './prepared-image-cache.ts';

const BOTH = ['sbi', 'distildire'] as const;

describe('the cache of prepared images', () => {
  let reads: string[];
  let failWith: Error | null;
  let cache: PreparedImageCache;
  const prepared: PreparedImage = {
    width: 1,
    height: 1,
    faces: [],
    inputs: [{ slot: 'sbi', count: 1, data: new Uint8Array(100), faceIndexes: [], caveats: [] }],
    elapsedMs: 1,
  };
  const open = (maxBytes: number) =>
    openPreparedImageCache(
      {
        async prepare() {
          if (failWith !== null) throw failWith;
          return prepared;
        },
      },
      { maxAgeMs: 60_000, maxBytes },
    );
  const take = (key: string, slot: (typeof BOTH)[number], users: readonly (typeof BOTH)[number][] = BOTH) => {
    const read = async () => {
      reads.push(key);
      return new Uint8Array(1);
    };
    return cache.take(key, async () => ({ file: await read(), mediaType: 'image/png' }), slot, users);
  };

  beforeEach(() => {
    reads = [];
    failWith = null;
    cache = open(1_000);
  });
  afterEach(() => cache.close());

  it('reads and prepares once for two slots, at once or one after the other', async () => {
    const [first, second] = await Promise.all([take('a', 'sbi'), take('a', 'distildire')]);
    expect(second).toBe(first);
    await take('b', 'distildire');
    await take('b', 'sbi');
    expect(reads).toEqual(['a', 'b']);
  });

  it('lets go of an image when every slot has taken it', async () => {
    await take('a', 'sbi', ['sbi']);
    await take('a', 'sbi', ['sbi']);
    expect(reads).toEqual(['a', 'a']);
  });

  it('lets go of the oldest image when the tensors grow too many', async () => {
    cache = open(250);
    for (const key of ['a', 'b', 'c']) await take(key, 'sbi');
    for (const key of ['c', 'b', 'a']) await take(key, 'distildire');
    expect(reads).toEqual(['a', 'b', 'c', 'a']);
  });

  it('forgets a failure that another attempt may mend', async () => {
    failWith = new Error('the store is away');
    await expect(take('a', 'sbi')).rejects.toThrow('away');
    failWith = null;
    await take('a', 'sbi');
    expect(reads).toEqual(['a', 'a']);
  });

  it('tells the other slot of an image that cannot be decoded without another try', async () => {
    failWith = new UndecodableImageError('broken');
    await expect(take('a', 'sbi')).rejects.toThrow('broken');
    await expect(take('a', 'distildire')).rejects.toThrow('broken');
    expect(reads).toEqual(['a']);
  });
});
