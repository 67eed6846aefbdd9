import type { PreparationStep, TensorSpec } from '@touchstone/models/manifest';
import { cropSquare, faceSquare, pickFaces } from './face-crop.ts';
import type { Pixels } from '@touchstone/imaging/pixels';
import type { Planes } from './resize-target.ts';
import type { Face, InputPlan, PreparedInput } from './prepared-image.ts';
import { resizePixels } from './resize-pixels.ts';

type Picture = Pixels | Planes;
type Step<Op extends PreparationStep['op']> = Extract<PreparationStep, { op: Op }>;

/**
 * Applies a manifest's steps to decoded pixels. `faces` are boxes in these pixels, largest first. Throws when the steps
 * do not lead to the tensor that the manifest declares: then the manifest is wrong, not the image.
 */
export function runPreparation(plan: InputPlan, pixels: Pixels, faces: readonly Face[]): PreparedInput {
  const caveats = new Set<string>();
  const [first, ...others] = plan.steps;
  const faceIndexes = first?.op === 'crop-face' ? pickFaces(faces, first) : [];
  const regions =
    first?.op === 'crop-face'
      ? faceIndexes.map((i) => () => cropSquare(pixels, faceSquare(faces[i]!, first)))
      : [() => pixels];
  const steps = first?.op === 'crop-face' ? others : plan.steps;

  const { type, width, height } = plan.tensor;
  const length = width * height * 3;
  const data = type === 'uint8' ? new Uint8Array(regions.length * length) : new Float32Array(regions.length * length);
  regions.forEach((cut, i) => {
    const picture = applySteps(cut(), steps, caveats);
    if (picture.width !== width || picture.height !== height) {
      throw new Error(
        `preparation gives ${picture.width}x${picture.height}, the tensor of ${plan.slot} is ${width}x${height}`,
      );
    }
    writeTensor(picture, data.subarray(i * length, (i + 1) * length), type);
  });
  return { slot: plan.slot, count: regions.length, data, faceIndexes, caveats: [...caveats] };
}

function applySteps(pixels: Pixels, steps: PreparationStep[], caveats: Set<string>): Picture {
  let picture: Picture = pixels;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    switch (step.op) {
      case 'crop-face':
        throw new Error('crop-face must be the first step');
      case 'resize':
        picture = resizePixels(toBytes(picture), step, step.algorithm);
        break;
      case 'resize-short-side': {
        const target = shortSideTarget(picture, step.size);
        const crop = steps[i + 1];
        const isCropped = crop?.op === 'centre-crop' && crop.size <= step.size;
        const window = isCropped ? centreWindow(target, crop) : undefined;
        picture = resizePixels(toBytes(picture), { ...target, ...(window && { window }) }, step.algorithm);
        if (isCropped) i++;
        break;
      }
      case 'centre-crop':
        if (Math.min(picture.width, picture.height) < step.size) {
          caveats.add('upscaled');
          const target = shortSideTarget(picture, step.size);
          picture = resizePixels(toBytes(picture), { ...target, window: centreWindow(target, step) }, step.enlarge);
        } else {
          picture = cropCentre(picture, step);
        }
        break;
    }
  }
  return picture;
}

const shortSideTarget = ({ width, height }: Picture, size: number) =>
  width < height
    ? { width: size, height: Math.trunc((size * height) / width) }
    : { width: Math.trunc((size * width) / height), height: size };

/**
 * A crop that follows a resize is done by the resize itself, pixel for pixel the same: a strip of 1 x 200,000 px would
 * otherwise grow to gigabytes first.
 */
const centreWindow = ({ width, height }: { width: number; height: number }, { size }: Step<'centre-crop'>) => ({
  left: Math.floor((width - size) / 2),
  top: Math.floor((height - size) / 2),
  width: size,
  height: size,
});

function cropCentre(picture: Picture, step: Step<'centre-crop'>): Picture {
  const { left, top, width, height } = centreWindow(picture, step);
  if (picture.data instanceof Uint8Array) {
    const data = new Uint8Array(width * height * 3);
    for (let y = 0; y < height; y++) {
      const from = ((top + y) * picture.width + left) * 3;
      data.set(picture.data.subarray(from, from + width * 3), y * width * 3);
    }
    return { data, width, height };
  }
  const data = new Float32Array(width * height * 3);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < height; y++) {
      const from = (c * picture.height + top + y) * picture.width + left;
      data.set(picture.data.subarray(from, from + width), (c * height + y) * width);
    }
  }
  return { data, width, height };
}

/** Planes are rounded to the nearest byte where a later step or the tensor wants bytes. */
function toBytes({ data, width, height }: Picture): Pixels {
  if (data instanceof Uint8Array) return { data, width, height };
  const plane = width * height;
  const bytes = new Uint8ClampedArray(plane * 3);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) bytes[i * 3 + c] = (data[c * plane + i]! + 1) * 127.5;
  }
  return { data: new Uint8Array(bytes.buffer), width, height };
}

function writeTensor(picture: Picture, tensor: Uint8Array | Float32Array, type: TensorSpec['type']): void {
  if (type === 'uint8') return tensor.set(toBytes(picture).data);
  if (picture.data instanceof Float32Array) return tensor.set(picture.data);
  const plane = picture.width * picture.height;
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) tensor[c * plane + i] = picture.data[i * 3 + c]! / 127.5 - 1;
  }
}
