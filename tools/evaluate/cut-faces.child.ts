import sharp from 'sharp';
import { hardenDecoder, openImage } from '@touchstone/imaging/decode-image';
import { serveTasks } from '@touchstone/imaging/serve-tasks';
import { MIN_SCORED_FACE_PX } from '@touchstone/shared/contracts/limits';
import { cropSquare, faceSquare, pickFaces } from '../../services/gpu-worker/src/core/face-crop.ts';
import { openFaceFinder } from '../../services/gpu-worker/src/preparer/find-faces.ts';
import type { CropFaceStep, CutFaces, CutTask } from './cut-faces.ts';

serveTasks<CropFaceStep, CutTask, CutFaces>(async (step) => {
  hardenDecoder();
  const finder = await openFaceFinder();
  return async ({ file, mediaType }) => {
    const image = await openImage(file, mediaType);
    const pixels = await image.decode('apply');
    // As the preparer does: an image decoded at half scale has half as many px for the same face.
    const scale = Math.max(image.width / pixels.width, image.height / pixels.height);
    const faces = await finder.find(pixels, step.threshold, MIN_SCORED_FACE_PX / scale);
    const picked = pickFaces(faces, { ...step, min_side_px: step.min_side_px / scale });
    const crops: CutFaces['crops'] = [];
    for (const i of picked) {
      const face = faces[i]!;
      const square = faceSquare(face, step);
      const { data, width, height } = cropSquare(pixels, square);
      const png = await sharp(data, { raw: { width, height, channels: 3 } })
        .png({ compressionLevel: 3 })
        .toBuffer();
      crops.push({ png, box: face.box, faceScore: face.score, ...square });
    }
    return { width: pixels.width, height: pixels.height, foundCount: faces.length, crops };
  };
});
