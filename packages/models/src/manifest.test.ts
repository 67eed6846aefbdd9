import { describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Manifest } from './manifest.ts';
import { writeTinyBundle } from './tiny-bundle.ts';

describe('a manifest', () => {
  const chained = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'manifest-'));
    try {
      return await writeTinyBundle(folder, { scope: 'whole-image', isChained: true });
    } finally {
      await rm(folder, { recursive: true });
    }
  };
  const complaints = (value: unknown) => Manifest.safeParse(value).error?.issues.map(({ message }) => message);

  it('may chain graphs by the names of their values', async () => {
    expect(complaints(await chained())).toBeUndefined();
  });

  it('refuses a graph that reads what only a later one gives', async () => {
    const manifest = await chained();
    expect(complaints({ ...manifest, graphs: manifest.graphs.toReversed() })).toEqual([
      'nothing before graph 0 gives brightness',
    ]);
  });

  it('refuses an output that no graph gives', async () => {
    const manifest = await chained();
    expect(complaints({ ...manifest, output: { value: 'image', decode: 'probability' } })).toEqual([
      'no graph gives this value',
    ]);
  });

  it('refuses whole images for a detector of faces', async () => {
    expect(complaints({ ...(await chained()), scope: 'face-forgery' })).toEqual([
      'face-forgery crops faces, whole-image does not',
    ]);
  });

  it('refuses batch sizes that do not ascend from 1', async () => {
    for (const batch_buckets of [
      [2, 4],
      [1, 4, 4],
    ]) {
      expect(complaints({ ...(await chained()), runtime: { batch_buckets } })).toEqual(['must ascend and start at 1']);
    }
  });
});
