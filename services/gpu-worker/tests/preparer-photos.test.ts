import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Box } from '@touchstone/shared/contracts/partial';
import { createLogger } from '@touchstone/shared/observe/logger';
import type { ImagePreparer } from '../src/core/prepared-image.ts';
import { intersectionOverUnion } from '../src/core/suppress-overlaps.ts';
import { openPreparerPool } from '../src/preparer/preparer-pool.ts';
import { centrePlan, facePlan } from './preparer-plans.ts';

const photos = join(
  process.env['TOUCHSTONE_SHARED'] ?? join(import.meta.dirname, '../../../../shared'),
  'fixtures/photos',
);
const hasPhotos = existsSync(photos);
if (!hasPhotos) process.stderr.write('skipped: faces in photos, because TOUCHSTONE_SHARED/fixtures/photos is absent\n');

(hasPhotos ? describe : describe.skip)('faces in photos', () => {
  let pool: ImagePreparer;
  beforeAll(async () => {
    pool = await openPreparerPool({
      plans: [facePlan, centrePlan(224, 'ignore')],
      size: 2,
      timeoutMs: 10_000,
      maxGrowthBytes: 400e6,
      recycleAfter: 1_000,
      logger: createLogger('test', 'silent'),
    });
  });
  afterAll(() => pool.close());

  const prepare = (name: string) => {
    const type = name.endsWith('.png') ? 'image/png' : name.endsWith('.webp') ? 'image/webp' : 'image/jpeg';
    return pool.prepare(readFileSync(join(photos, name)), type);
  };

  it.each([
    ['real-01-portrait-uniform.png', 1],
    ['real-02-portrait-uniform-exif6.jpg', 1],
    ['real-03-two-men.jpg', 4],
    ['real-04-woman-at-desk.jpg', 1],
    ['real-05-group-9.jpg', 9],
    ['fake-08-group-9-one-face-swapped.jpg', 9],
    ['fake-03-inpainted-woman.png', 1],
    ['fake-04-sd-street-woman.png', 1],
    ['fake-07-face-swap-crop.jpg', 1],
  ])('finds the people of %s: %i', async (name, count) => {
    const { faces, inputs } = await prepare(name);
    expect(faces).toHaveLength(count);
    const large = faces.filter(({ box }) => Math.max(box[2] - box[0], box[3] - box[1]) >= 64);
    const input = inputs.find(({ slot }) => slot === 'sbi')!;
    expect(input.count).toBe(large.length);
    expect(input.faceIndexes).toEqual(large.map((_, i) => i));
    expect(input.data).toHaveLength(large.length * 160 * 160 * 3);
  });

  it.each([
    'fake-01-cosmos-hands.png',
    'fake-02-sdxl-turbo-fox.png',
    'fake-05-gpt4o-cats.png',
    'fake-06-nanobanana-burger-edit.jpg',
    'real-08-city-12mp.jpg',
    'real-09-tree.webp',
    'real-10-plush-bear.jpg',
    'real-11-dog.jpg',
    'real-12-painting.jpg',
  ])('finds nobody in %s', async (name) => {
    expect((await prepare(name)).faces).toEqual([]);
  });

  it('lists the small faces of a class photo and scores none', async () => {
    const { faces, inputs } = await prepare('real-06-group-52.jpg');
    expect(faces.length).toBeGreaterThan(20);
    expect(inputs[0]).toMatchObject({ slot: 'sbi', count: 0 });
  });

  // Boxes of the whole look, from detectors.md section 5.4; ours are of a closer look.
  it.each<[string, Box]>([
    ['real-01-portrait-uniform.png', [167, 137, 366, 336]],
    ['real-04-woman-at-desk.jpg', [488, 155, 685, 351]],
    ['real-05-group-9.jpg', [592, 304, 666, 379]],
    ['fake-07-face-swap-crop.jpg', [63, 46, 292, 275]],
  ])('puts a face of %s where the reference has it', async (name, expected) => {
    const { faces } = await prepare(name);
    const overlap = Math.max(...faces.map(({ box }) => intersectionOverUnion(box, expected)));
    expect(overlap).toBeGreaterThan(0.83);
  });

  it('finds the same nine people at half scale, where each is about 35 px large, and scores those of 64 px', async () => {
    const group = readFileSync(join(photos, 'real-05-group-9.jpg'));
    const canvas = sharp({ create: { width: 7_000, height: 7_000, channels: 3, background: '#336699' } });
    const file = await canvas
      .composite([{ input: group, left: 2_000, top: 3_000 }])
      .jpeg({ quality: 95 })
      .toBuffer();
    const { faces, inputs } = await pool.prepare(file, 'image/jpeg');
    expect(faces).toHaveLength(9);
    const large = faces.filter(({ box }) => Math.max(box[2] - box[0], box[3] - box[1]) >= 64);
    expect(large.length).toBeGreaterThan(5);
    expect(inputs[0]).toMatchObject({ slot: 'sbi', count: large.length, caveats: ['half_scale'] });
  });

  it('finds people in a picture so wide that it is scaled in slices', async () => {
    const group = readFileSync(join(photos, 'real-05-group-9.jpg'));
    const file = await sharp({ create: { width: 26_000, height: 1_000, channels: 3, background: '#336699' } })
      .composite([{ input: group, left: 20_000, top: 0 }])
      .jpeg({ quality: 95 })
      .toBuffer();
    const { faces } = await pool.prepare(file, 'image/jpeg');
    const alone = await prepare('real-05-group-9.jpg');
    expect(faces).toHaveLength(9);
    for (const { box } of alone.faces) {
      const moved: Box = [box[0] + 20_000, box[1], box[2] + 20_000, box[3]];
      expect(Math.max(...faces.map((face) => intersectionOverUnion(face.box, moved)))).toBeGreaterThan(0.8);
    }
  });

  it('sees a turned photo as its upright twin', async () => {
    const upright = await prepare('real-01-portrait-uniform.png');
    const turned = await prepare('real-02-portrait-uniform-exif6.jpg');
    expect([turned.width, turned.height]).toEqual([upright.width, upright.height]);
    const [a, b] = [upright.faces[0]!.box, turned.faces[0]!.box];
    a.forEach((side, i) => expect(Math.abs(side - b[i]!)).toBeLessThanOrEqual(3));
  });

  it('lists faces largest first', async () => {
    const { faces } = await prepare('real-03-two-men.jpg');
    const sides = faces.map(({ box }) => Math.max(box[2] - box[0], box[3] - box[1]));
    expect(sides).toEqual(sides.toSorted((a, b) => b - a));
  });
});
