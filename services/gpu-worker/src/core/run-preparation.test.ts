import { describe, expect, it } from '@jest/globals';
import type { Pixels } from '@touchstone/imaging/pixels';
import type { InputPlan } from './prepared-image.ts';
import { resizePixels } from './resize-pixels.ts';
import { runPreparation } from './run-preparation.ts';

const cropFace = {
  op: 'crop-face',
  face_detector: 'blazeface-back-256',
  threshold: 0.7,
  scale: 1,
  shift_up: 0,
  min_side_px: 4,
  max_faces: 2,
} as const;

const uint8 = (side: number) => ({ type: 'uint8', layout: 'NHWC', width: side, height: side }) as const;
const float32 = (side: number) => ({ type: 'float32', layout: 'NCHW', width: side, height: side }) as const;
const plan = (steps: InputPlan['steps'], tensor: InputPlan['tensor']): InputPlan => ({
  slot: 'distildire',
  orientation: 'apply',
  steps,
  tensor,
});
const ramp = (width: number, height: number): Pixels => ({
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7) % 251),
  width,
  height,
});
const centreCrop = (size: number) => ({ op: 'centre-crop', size, enlarge: 'pil-bilinear-u8' }) as const;

describe('running a preparation', () => {
  it('cuts the middle at native resolution, offset rounded down', () => {
    const pixels = ramp(9, 6);
    const { data, count, caveats, faceIndexes } = runPreparation(plan([centreCrop(4)], uint8(4)), pixels, []);
    expect({ count, caveats, faceIndexes }).toEqual({ count: 1, caveats: [], faceIndexes: [] });
    for (let y = 0; y < 4; y++) {
      const from = ((1 + y) * 9 + 2) * 3;
      expect(data.subarray(y * 12, y * 12 + 12)).toEqual(pixels.data.subarray(from, from + 12));
    }
  });

  it('enlarges a smaller picture first and says so', () => {
    const pixels = ramp(10, 3);
    const { data, caveats } = runPreparation(plan([centreCrop(6)], uint8(6)), pixels, []);
    expect(caveats).toEqual(['upscaled']);
    const whole = resizePixels(pixels, { width: 20, height: 6 }, 'pil-bilinear-u8');
    for (let y = 0; y < 6; y++) {
      expect(data.subarray(y * 18, y * 18 + 18)).toEqual(whole.data.subarray((y * 20 + 7) * 3, (y * 20 + 13) * 3));
    }
  });

  it('enlarges the middle of a hair-thin strip without making the rest', () => {
    const { data } = runPreparation(plan([centreCrop(224)], uint8(224)), ramp(1, 200_000), []);
    expect(data).toHaveLength(224 * 224 * 3);
  });

  it('resizes the short side and cuts in one go, as in two', () => {
    const pixels = ramp(31, 20);
    const shortSide = { op: 'resize-short-side', algorithm: 'torch-aa-bilinear-f32', size: 16 } as const;
    const { data } = runPreparation(plan([shortSide, centreCrop(16)], float32(16)), pixels, []);
    const whole = resizePixels(pixels, { width: 24, height: 16 }, 'torch-aa-bilinear-f32');
    for (let row = 0; row < 48; row++) {
      expect(data.subarray(row * 16, row * 16 + 16)).toEqual(whole.data.subarray(row * 24 + 4, row * 24 + 20));
    }
  });

  it('writes float planes of v / 127.5 - 1', () => {
    const pixels = { data: Uint8Array.of(0, 255, 51, 102, 0, 255, 0, 0, 0, 255, 255, 255), width: 2, height: 2 };
    const { data } = runPreparation(plan([centreCrop(2)], float32(2)), pixels, []);
    const planes = [0, 102, 0, 255, 255, 0, 0, 255, 51, 255, 0, 255];
    expect(Array.from(data)).toEqual(planes.map((value) => Math.fround(value / 127.5 - 1)));
  });

  it('rounds planes to bytes for a tensor of bytes', () => {
    const pixels = ramp(8, 8);
    const resize = { op: 'resize', algorithm: 'torch-aa-bilinear-f32', width: 8, height: 8 } as const;
    expect(runPreparation(plan([resize], uint8(8)), pixels, []).data).toEqual(pixels.data);
  });

  it('makes one region per scored face, largest first', () => {
    const pixels = ramp(40, 40);
    const faces = [
      { box: [10, 10, 30, 30] as [number, number, number, number], score: 0.9 },
      { box: [0, 0, 10, 10] as [number, number, number, number], score: 0.5 },
      { box: [2, 3, 10, 11] as [number, number, number, number], score: 0.8 },
    ];
    const resize = { op: 'resize', algorithm: 'cv2-linear-u8', width: 8, height: 8 } as const;
    const { data, count, faceIndexes } = runPreparation(plan([cropFace, resize], uint8(8)), pixels, faces);
    expect({ count, faceIndexes }).toEqual({ count: 2, faceIndexes: [0, 2] });
    expect(data).toHaveLength(2 * 8 * 8 * 3);
    // The second face is 8 px large already: its bytes are those of the picture.
    expect(data.subarray(192, 192 + 24)).toEqual(pixels.data.subarray((3 * 40 + 2) * 3, (3 * 40 + 10) * 3));
  });

  it('makes no region where there is no face', () => {
    const resize = { op: 'resize', algorithm: 'cv2-linear-u8', width: 8, height: 8 } as const;
    const { data, count } = runPreparation(plan([cropFace, resize], uint8(8)), ramp(40, 40), []);
    expect([count, data.length]).toEqual([0, 0]);
  });

  it('refuses steps that do not lead to the tensor', () => {
    expect(() => runPreparation(plan([centreCrop(4)], uint8(5)), ramp(9, 9), [])).toThrow(/gives 4x4/);
  });
});
