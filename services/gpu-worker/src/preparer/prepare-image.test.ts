import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { Face, InputPlan } from '../core/prepared-image.ts';
import { centrePlan, facePlan } from '../../tests/preparer-plans.ts';
import { prepareImage } from './prepare-image.ts';
import type { FaceFinder } from './find-faces.ts';

/** A face finder that sees squares of these sides, in px of what it is shown, and keeps what it was asked for. */
const finderOf = (...sides: number[]) => {
  const asked: number[] = [];
  const finder: FaceFinder = {
    async find(_pixels, _threshold, minFacePx) {
      asked.push(minFacePx);
      return sides.map((side): Face => ({ box: [0, 0, side, side], score: 0.9 }));
    },
    close: async () => undefined,
  };
  return { finder, asked };
};
const blank = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#336699' } })
    .jpeg()
    .toBuffer();

describe('preparing an image', () => {
  it('keeps what goes wrong for one detector from the other', async () => {
    const wrong: InputPlan = { ...centrePlan(32, 'apply'), tensor: { ...centrePlan(32, 'apply').tensor, width: 31 } };
    const { inputs } = await prepareImage(await blank(90, 90), 'image/jpeg', [facePlan, wrong], finderOf(70).finder);
    expect(inputs[0]).toMatchObject({ slot: 'sbi', count: 1 });
    expect(inputs[0]!.problem).toBeUndefined();
    expect(inputs[1]).toMatchObject({
      slot: 'distildire',
      count: 0,
      problem: 'preparation gives 32x32, the tensor of distildire is 31x32',
    });
  });

  it('scores faces of 64 px of the image, at half scale as well', async () => {
    const full = finderOf(70, 64, 63);
    const whole = await prepareImage(await blank(90, 90), 'image/jpeg', [facePlan], full.finder);
    expect(whole.inputs[0]).toMatchObject({ faceIndexes: [0, 1], caveats: [] });
    const half = finderOf(70, 32, 31);
    const halved = await prepareImage(await blank(6_000, 4_400), 'image/jpeg', [facePlan], half.finder);
    expect(halved.inputs[0]).toMatchObject({ faceIndexes: [0, 1], caveats: ['half_scale'] });
    expect(halved.faces.map(({ box }) => box[2])).toEqual([140, 64, 62]);
    expect([...full.asked, ...half.asked]).toEqual([64, 32]);
  });
});
