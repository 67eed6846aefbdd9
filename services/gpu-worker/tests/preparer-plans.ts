import type { InputPlan } from '../src/core/prepared-image.ts';

const tensor = (side: number) => ({ type: 'uint8', layout: 'NHWC', width: side, height: side }) as const;

/** What the bundled face detector wants of an image. */
export const facePlan: InputPlan = {
  slot: 'sbi',
  orientation: 'apply',
  steps: [
    {
      op: 'crop-face',
      face_detector: 'blazeface-back-256',
      threshold: 0.7,
      scale: 1.06,
      shift_up: 0.046,
      min_side_px: 64,
      max_faces: 16,
    },
    { op: 'resize', algorithm: 'pil-bilinear-u8', width: 160, height: 160 },
  ],
  tensor: tensor(160),
};

/** The middle of the image as it is. */
export const centrePlan = (side: number, orientation: InputPlan['orientation']): InputPlan => ({
  slot: 'distildire',
  orientation,
  steps: [{ op: 'centre-crop', size: side, enlarge: 'pil-bilinear-u8' }],
  tensor: tensor(side),
});
