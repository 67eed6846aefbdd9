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

  describe('whose steps', () => {
    const resize = { op: 'resize', algorithm: 'pil-bilinear-u8', width: 32, height: 32 } as const;
    const shortSide = { op: 'resize-short-side', algorithm: 'pil-bilinear-u8', size: 40 } as const;
    const centreCrop = { op: 'centre-crop', size: 32, enlarge: 'pil-bilinear-u8' } as const;
    const cropFace = {
      op: 'crop-face',
      face_detector: 'blazeface-back-256',
      threshold: 0.6,
      scale: 1,
      shift_up: 0,
      min_side_px: 64,
      max_faces: 16,
    } as const;
    const face = { scope: 'face-forgery' } as const;

    it.each([
      ['are a resize to the tensor', [resize], {}],
      ['crop the middle of a resized short side', [shortSide, centreCrop], {}],
      ['crop a face and resize it', [cropFace, resize], face],
      ['crop the middle of a resized picture', [{ ...resize, width: 90 }, centreCrop], {}],
    ])('%s are fine', async (_what, preparation, others) => {
      expect(complaints({ ...(await chained()), preparation, ...others })).toBeUndefined();
    });

    it.each([
      ['end in another size', [{ ...centreCrop, size: 33 }], {}, 'the last step gives 33x33, the tensor is 32x32'],
      ['end in another height', [{ ...resize, height: 31 }], {}, 'the last step gives 32x31, the tensor is 32x32'],
      ['leave the long side open', [shortSide], {}, 'resize-short-side must be followed by centre-crop of at most 40'],
      [
        'crop more than there is',
        [{ ...shortSide, size: 31 }, centreCrop],
        {},
        'resize-short-side must be followed by centre-crop of at most 31',
      ],
      ['leave the size of a face open', [cropFace], face, 'crop-face must be followed by resize'],
      ['crop the middle of a face', [cropFace, centreCrop], face, 'crop-face must be followed by resize'],
      ['crop a face twice', [cropFace, resize, cropFace], face, 'crop-face must come first'],
    ])('%s are refused', async (_what, preparation, others, complaint) => {
      expect(complaints({ ...(await chained()), preparation, ...others })).toEqual([complaint]);
    });
  });

  it('refuses a tensor without pixels', async () => {
    const manifest = await chained();
    expect(complaints({ ...manifest, tensor: { ...manifest.tensor, width: 0 } })).toContain(
      'Too small: expected number to be >=1',
    );
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
