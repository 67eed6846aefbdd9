import { z } from 'zod';

/** Side of a picture, in px. */
const Side = z.number().int().min(1).max(2_048);
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'not a sha256 in hex');

/** Exact resampling filters; what each computes, bit for bit: detectors.md section 4. */
export const ResizeAlgorithm = z.enum(['pil-bilinear-u8', 'pil-bicubic-u8', 'cv2-linear-u8', 'torch-aa-bilinear-f32']);
export type ResizeAlgorithm = z.infer<typeof ResizeAlgorithm>;

/** The closed list of preparation steps, applied in order to the decoded 8-bit RGB pixels. */
export const PreparationStep = z.discriminatedUnion('op', [
  /** One square crop per face; must come first. Sides are in units of the face box's longer side. */
  z.strictObject({
    op: z.literal('crop-face'),
    face_detector: z.literal('blazeface-back-256'),
    /** Faces that the face detector is less sure of are not reported. */
    threshold: z.number().min(0).max(1),
    /** Side of the crop = scale x the longer side of the box. */
    scale: z.number().min(0.5).max(4),
    /** The crop's centre is moved up by this share of the crop's side. */
    shift_up: z.number().min(-0.5).max(0.5),
    /** Faces whose box's longer side is smaller are listed as `face_too_small` and not scored. */
    min_side_px: z.number().int().min(1),
    /** At most so many faces are scored, the largest first. */
    max_faces: z.number().int().min(1).max(64),
  }),
  /** A square of `size` px at native resolution; offset floor((n - size) / 2). A smaller picture is enlarged first. */
  z.strictObject({
    op: z.literal('centre-crop'),
    size: Side,
    /** Filter that brings a shorter side up to `size`; the result then carries the caveat `upscaled`. */
    enlarge: ResizeAlgorithm,
  }),
  z.strictObject({
    op: z.literal('resize'),
    algorithm: ResizeAlgorithm,
    width: Side,
    height: Side,
  }),
  /** Short side to `size`, long side trunc(size x long / short). */
  z.strictObject({
    op: z.literal('resize-short-side'),
    algorithm: ResizeAlgorithm,
    size: Side,
  }),
]);
export type PreparationStep = z.infer<typeof PreparationStep>;

/** `uint8` bytes as decoded, rows of RGB pixels; `float32` planes R, G, B of v / 127.5 - 1. */
export const TensorSpec = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('uint8'), layout: z.literal('NHWC'), width: Side, height: Side }),
  z.strictObject({ type: z.literal('float32'), layout: z.literal('NCHW'), width: Side, height: Side }),
]);
export type TensorSpec = z.infer<typeof TensorSpec>;

/**
 * One ONNX graph. `inputs` and `outputs` map the graph's own names to value names: `image` is the prepared tensor,
 * every other value is an output of an earlier graph. Chains are written by letting one graph read what another wrote.
 */
export const GraphSpec = z.strictObject({
  file: z.string().regex(/^[A-Za-z0-9._-]+\.onnx$/, 'a bare file name ending in .onnx'),
  sha256: Sha256,
  /** Weights that lie beside the graph because they are too large for it; the graph names the file itself. */
  data: z
    .strictObject({
      file: z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]*\.data$/, 'a bare file name ending in .data'),
      sha256: Sha256,
    })
    .optional(),
  inputs: z.record(z.string(), z.string()),
  outputs: z.record(z.string(), z.string()),
});
export type GraphSpec = z.infer<typeof GraphSpec>;

/** How the last value becomes P(manipulated). */
export const OutputSpec = z.strictObject({
  value: z.string(),
  decode: z.enum(['probability', 'one-minus-probability', 'sigmoid', 'one-minus-sigmoid', 'softmax']),
  /** Class index of `softmax`, and the number of values per image. */
  index: z.int().min(0).default(0),
  width: z.int().min(1).default(1),
});
export type OutputSpec = z.infer<typeof OutputSpec>;

/** Seeded inputs whose answer a worker must reproduce before it takes a job. Formulas: golden-inputs.ts. */
export const GoldenVector = z.strictObject({
  input: z.enum(['hash', 'gradient', 'blocks', 'mixed']),
  probability: z.number().min(0).max(1),
  tolerance: z.number().gt(0).max(0.05),
});
export type GoldenVector = z.infer<typeof GoldenVector>;

/** `manifest.json` of a model bundle: all that the system knows about a detector. */
export const Manifest = z
  .strictObject({
    format: z.literal(1),
    id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
    version: z.string().regex(/^\d+\.\d+\.\d+(-[a-z0-9.]+)?$/),
    description: z.string().max(500),
    scope: z.enum(['face-forgery', 'whole-image']),
    licence: z.strictObject({
      id: z.string().min(1),
      commercial_use: z.enum(['yes', 'no', 'unknown']),
      attribution: z.string(),
    }),
    source: z.string(),
    decode: z.strictObject({
      /** `apply` turns the image upright first. */
      orientation: z.enum(['apply', 'ignore']),
    }),
    preparation: z.array(PreparationStep).min(1),
    tensor: TensorSpec,
    graphs: z.array(GraphSpec).min(1).max(8),
    output: OutputSpec,
    /** How the scores of several regions become the image's score. */
    aggregate: z.enum(['max', 'mean']),
    runtime: z.strictObject({
      /** Batch sizes that a GPU is warmed with; a batch is padded to the next one. Ascending, starting at 1. */
      batch_buckets: z.array(z.int().min(1).max(64)).min(1),
    }),
    golden: z.array(GoldenVector).min(1),
  })
  .superRefine((manifest, context) => {
    const known = new Set(['image']);
    manifest.graphs.forEach((graph, i) => {
      for (const value of Object.values(graph.inputs)) {
        if (!known.has(value))
          context.addIssue({
            code: 'custom',
            path: ['graphs', i, 'inputs'],
            message: `nothing before graph ${i} gives ${value}`,
          });
      }
      for (const value of Object.values(graph.outputs)) known.add(value);
    });
    if (manifest.output.value === 'image' || !known.has(manifest.output.value)) {
      context.addIssue({ code: 'custom', path: ['output', 'value'], message: 'no graph gives this value' });
    }
    const wrong = findWrongStep(manifest);
    if (wrong !== null) {
      context.addIssue({ code: 'custom', path: ['preparation', wrong.at], message: wrong.complaint });
    }
    if ((manifest.scope === 'face-forgery') !== (manifest.preparation[0]?.op === 'crop-face')) {
      context.addIssue({ code: 'custom', path: ['scope'], message: 'face-forgery crops faces, whole-image does not' });
    }
    // Faces are found and cut in the upright picture, so boxes mean the same to everyone.
    if (manifest.scope === 'face-forgery' && manifest.decode.orientation !== 'apply') {
      context.addIssue({ code: 'custom', path: ['decode', 'orientation'], message: 'faces need `apply`' });
    }
    const buckets = manifest.runtime.batch_buckets;
    if (buckets[0] !== 1 || buckets.some((size, i) => i > 0 && size <= buckets[i - 1]!)) {
      context.addIssue({ code: 'custom', path: ['runtime', 'batch_buckets'], message: 'must ascend and start at 1' });
    }
  });
export type Manifest = z.infer<typeof Manifest>;

/**
 * Follows the size of the picture through the steps: they must lead to the tensor whatever size an image has. Null when
 * they do. A worker that found out with a job in hand would fail at every image.
 */
function findWrongStep({
  preparation,
  tensor,
}: {
  preparation: PreparationStep[];
  tensor: TensorSpec;
}): { at: number; complaint: string } | null {
  for (const [at, step] of preparation.entries()) {
    const next = preparation[at + 1];
    if (step.op === 'crop-face') {
      if (at > 0) return { at, complaint: 'crop-face must come first' };
      if (next?.op !== 'resize') return { at, complaint: 'crop-face must be followed by resize' };
    }
    if (step.op === 'resize-short-side' && !(next?.op === 'centre-crop' && next.size <= step.size)) {
      return { at, complaint: `resize-short-side must be followed by centre-crop of at most ${step.size}` };
    }
  }
  const at = preparation.length - 1;
  const last = preparation[at];
  const given = last?.op === 'resize' ? last : last?.op === 'centre-crop' ? squareOf(last.size) : null;
  if (given?.width === tensor.width && given.height === tensor.height) return null;
  const found = given === null ? 'no size' : `${given.width}x${given.height}`;
  return { at, complaint: `the last step gives ${found}, the tensor is ${tensor.width}x${tensor.height}` };
}

const squareOf = (side: number) => ({ width: side, height: side });
