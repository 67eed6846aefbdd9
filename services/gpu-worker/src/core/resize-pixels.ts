import type { ResizeAlgorithm } from '@touchstone/models/manifest';
import type { Pixels } from '@touchstone/imaging/pixels';
import type { Planes, ResizeTarget } from './resize-target.ts';
import { resizeCv2Linear } from './resize-cv2-linear.ts';
import { resizePillow } from './resize-pillow.ts';
import { resizeTorchAa } from './resize-torch-aa.ts';
import { CUBIC, TRIANGLE } from './resize-weights.ts';

/** Resizes by the filter that a manifest names. All give bytes but `torch-aa-bilinear-f32`. */
export function resizePixels(source: Pixels, target: ResizeTarget, algorithm: ResizeAlgorithm): Pixels | Planes {
  switch (algorithm) {
    case 'pil-bilinear-u8':
      return resizePillow(source, target, TRIANGLE);
    case 'pil-bicubic-u8':
      return resizePillow(source, target, CUBIC);
    case 'cv2-linear-u8':
      return resizeCv2Linear(source, target);
    case 'torch-aa-bilinear-f32':
      return resizeTorchAa(source, target);
  }
}
