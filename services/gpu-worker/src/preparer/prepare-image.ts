import { MIN_SCORED_FACE_PX } from '@touchstone/shared/contracts/limits';
import type { Box } from '@touchstone/shared/contracts/partial';
import type { MediaType } from '@touchstone/shared/contracts/request-record';
import { asError } from '@touchstone/shared/process/error-code';
import type { Face, InputPlan, PreparedImage, PreparedInput } from '../core/prepared-image.ts';
import { runPreparation } from '../core/run-preparation.ts';
import { openImage } from '@touchstone/imaging/decode-image';
import type { Pixels } from '@touchstone/imaging/pixels';
import type { FaceFinder } from './find-faces.ts';

/**
 * The whole preparation of one image. Faces are looked for once, at the lowest threshold that a plan names, and always
 * in the upright image, which face crops are cut from as well. Of an image decoded at half scale, sizes in px that
 * decide (the smallest face) count full-size px, as the boxes reported do: half as many are there to look at. What goes
 * wrong with one plan stays its own.
 */
export async function prepareImage(
  file: Uint8Array,
  mediaType: MediaType,
  plans: readonly InputPlan[],
  finder: FaceFinder,
): Promise<PreparedImage> {
  const startedAt = performance.now();
  const image = await openImage(file, mediaType);
  const thresholds = plans.flatMap(({ steps }) => (steps[0]?.op === 'crop-face' ? [steps[0].threshold] : []));
  const readsStored = (plan: InputPlan) =>
    image.isTurned && plan.orientation === 'ignore' && plan.steps[0]?.op !== 'crop-face';
  const inputs = new Map<InputPlan, PreparedInput>();
  let faces: Face[] = [];

  const uprightPlans = plans.filter((plan) => !readsStored(plan));
  if (uprightPlans.length > 0) {
    const pixels = await image.decode('apply');
    const scaleX = image.width / pixels.width;
    const scaleY = image.height / pixels.height;
    const minFacePx = MIN_SCORED_FACE_PX / Math.max(scaleX, scaleY);
    const found = thresholds.length > 0 ? await finder.find(pixels, Math.min(...thresholds), minFacePx) : [];
    for (const plan of uprightPlans) {
      inputs.set(plan, tryPreparation(scaleFaces(plan, Math.max(scaleX, scaleY)), pixels, found));
    }
    faces = found.map(({ box, score }) => ({ box: roundedBox(box, scaleX, scaleY), score }));
  }
  const storedPlans = plans.filter(readsStored);
  if (storedPlans.length > 0) {
    const pixels = await image.decode('ignore');
    for (const plan of storedPlans) inputs.set(plan, tryPreparation(plan, pixels, []));
  }

  return {
    width: image.width,
    height: image.height,
    faces,
    inputs: plans.map((plan) => {
      const input = inputs.get(plan)!;
      return { ...input, caveats: [...image.caveats, ...input.caveats] };
    }),
    elapsedMs: performance.now() - startedAt,
  };
}

function tryPreparation(plan: InputPlan, pixels: Pixels, faces: Face[]): PreparedInput {
  try {
    return runPreparation(plan, pixels, faces);
  } catch (error) {
    const { message } = asError(error);
    return { slot: plan.slot, count: 0, data: new Uint8Array(), faceIndexes: [], caveats: [], problem: message };
  }
}

/** The plan for pixels that stand for `scale` px of the image each. */
const scaleFaces = (plan: InputPlan, scale: number): InputPlan => ({
  ...plan,
  steps: plan.steps.map((step) =>
    step.op === 'crop-face' ? { ...step, min_side_px: step.min_side_px / scale } : step,
  ),
});

const roundedBox = ([left, top, right, bottom]: Box, scaleX: number, scaleY: number): Box => {
  const round = (value: number) => Math.round(value * 10) / 10;
  return [round(left * scaleX), round(top * scaleY), round(right * scaleX), round(bottom * scaleY)];
};
