import type { Box } from '@touchstone/shared/contracts/partial';
import type { MediaType } from '@touchstone/shared/contracts/request-record';
import type { Face, InputPlan, PreparedImage, PreparedInput } from '../core/prepared-image.ts';
import { runPreparation } from '../core/run-preparation.ts';
import { openImage } from './decode-image.ts';
import type { FaceFinder } from './find-faces.ts';

/**
 * The whole preparation of one image. Faces are looked for once, at the lowest threshold that a plan names, and always
 * in the upright image, which face crops are cut from as well. Of an image decoded at half scale, sizes in px that
 * decide (the smallest face) count decoded px; the boxes reported are in full-size ones.
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
    const found = thresholds.length > 0 ? await finder.find(pixels, Math.min(...thresholds)) : [];
    for (const plan of uprightPlans) inputs.set(plan, runPreparation(plan, pixels, found));
    const scaleX = image.width / pixels.width;
    const scaleY = image.height / pixels.height;
    faces = found.map(({ box, score }) => ({ box: roundedBox(box, scaleX, scaleY), score }));
  }
  const storedPlans = plans.filter(readsStored);
  if (storedPlans.length > 0) {
    const pixels = await image.decode('ignore');
    for (const plan of storedPlans) inputs.set(plan, runPreparation(plan, pixels, []));
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

const roundedBox = ([left, top, right, bottom]: Box, scaleX: number, scaleY: number): Box => {
  const round = (value: number) => Math.round(value * 10) / 10;
  return [round(left * scaleX), round(top * scaleY), round(right * scaleX), round(bottom * scaleY)];
};
