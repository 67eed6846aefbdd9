import { UndecodableImageError } from '@touchstone/imaging/undecodable-image-error';
import type { ImagePreparer, InputPlan } from '../src/core/prepared-image.ts';

/** What the "image files" of these tests hold, as JSON: no pixel is decoded. */
export type FakeImage = {
  /** Byte of every pixel of a whole image. */
  grey: number;
  faces: { grey: number; sidePx: number; score: number }[];
  isDamaged?: boolean;
};

/** A preparer that fills tensors with the grey that the fake image names, and counts its calls. */
export function createFakePreparer(plans: InputPlan[], onPrepare: () => void): ImagePreparer {
  const filled = (plan: InputPlan, greys: number[]) => {
    const size = plan.tensor.width * plan.tensor.height * 3;
    const tensors = new Uint8Array(greys.length * size);
    for (const [i, grey] of greys.entries()) tensors.fill(grey, i * size, (i + 1) * size);
    return tensors;
  };
  return {
    async prepare(file) {
      onPrepare();
      const image = JSON.parse(Buffer.from(file).toString()) as FakeImage;
      if (image.isDamaged) throw new UndecodableImageError('damaged');
      return {
        width: 640,
        height: 480,
        faces: image.faces.map(({ sidePx, score }) => ({ box: [0, 0, sidePx, sidePx], score })),
        inputs: plans.map((plan) => {
          const step = plan.steps[0]!;
          const faceIndexes =
            step.op === 'crop-face'
              ? image.faces.flatMap((face, i) => (face.sidePx >= step.min_side_px ? [i] : []))
              : [];
          const greys = step.op === 'crop-face' ? faceIndexes.map((i) => image.faces[i]!.grey) : [image.grey];
          return { slot: plan.slot, count: greys.length, data: filled(plan, greys), faceIndexes, caveats: [] };
        }),
        elapsedMs: 1,
      };
    },
    close: async () => undefined,
  };
}
