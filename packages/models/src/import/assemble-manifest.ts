import { createHash } from 'node:crypto';
import { Manifest, type GoldenVector, type PreparationStep } from '../manifest.ts';
import { UNET_SIDE_PX } from './diffusion-unet.ts';
import { B4_SIDE_PX } from './efficientnet-b4.ts';
import type { ImportRecord } from './import-record.ts';
import { LICENCE_TERMS, type Part } from './licence-terms.ts';

/** A detector that the imported parts make up. */
export type ImportedDetector = 'sbi' | 'distildire';

export const detectorOf = (part: Part): ImportedDetector => (part === 'sbi' ? 'sbi' : 'distildire');

/** The graphs of a detector in the order in which they run. */
export const PARTS_OF: Record<ImportedDetector, readonly Part[]> = { sbi: ['sbi'], distildire: ['adm', 'distildire'] };

/**
 * Crop of SBI in units of BlazeFace's box, measured against published RetinaFace boxes of two faces: the published crop
 * is 1.04 and 1.20 wide, 1.31 and 1.47 high, its centre .03 and .06 of its height above. One square stands for both: the
 * training drew each side from 1.1 to 1.4 of the box, so it stays inside what the network was trained with.
 */
const SBI_STEPS: PreparationStep[] = [
  {
    op: 'crop-face',
    face_detector: 'blazeface-back-256',
    threshold: 0.7,
    scale: 1.25,
    shift_up: 0.048,
    min_side_px: 64,
    max_faces: 16,
  },
  { op: 'resize', algorithm: 'cv2-linear-u8', width: B4_SIDE_PX, height: B4_SIDE_PX },
];
const DISTILDIRE_STEPS: PreparationStep[] = [
  { op: 'resize-short-side', algorithm: 'torch-aa-bilinear-f32', size: UNET_SIDE_PX },
  { op: 'centre-crop', size: UNET_SIDE_PX, enlarge: 'torch-aa-bilinear-f32' },
];

type Facts = Pick<
  Manifest,
  'id' | 'description' | 'scope' | 'decode' | 'preparation' | 'tensor' | 'output' | 'runtime'
>;

const FACTS: Record<ImportedDetector, Facts> = {
  sbi: {
    id: 'sbi-efficientnet-b4',
    description:
      'Face forgeries: SBI, EfficientNet-B4, imported from the published weights. See CARD.md for its terms.',
    scope: 'face-forgery',
    decode: { orientation: 'apply' },
    preparation: SBI_STEPS,
    tensor: { type: 'uint8', layout: 'NHWC', width: B4_SIDE_PX, height: B4_SIDE_PX },
    output: { value: 'logits', decode: 'softmax', index: 1, width: 2 },
    runtime: { batch_buckets: [1, 2, 4, 8, 16] },
  },
  distildire: {
    id: 'distildire-adm-256',
    description:
      'Generated images: DistilDIRE with ADM, imported from the published weights. See CARD.md for its terms.',
    scope: 'whole-image',
    decode: { orientation: 'ignore' },
    preparation: DISTILDIRE_STEPS,
    tensor: { type: 'float32', layout: 'NCHW', width: UNET_SIDE_PX, height: UNET_SIDE_PX },
    output: { value: 'logit', decode: 'sigmoid', index: 0, width: 1 },
    // 1,120 GMAC per image: a batch gains nothing, and every size would have to be warmed.
    runtime: { batch_buckets: [1] },
  },
};

/** The manifest of a detector all of whose parts are there; `records` in any order. */
export function assembleManifest(
  detector: ImportedDetector,
  records: readonly ImportRecord[],
  golden: readonly GoldenVector[],
): Manifest {
  const ordered = PARTS_OF[detector].map((part) => records.find((record) => record.part === part)!);
  const terms = ordered.map(({ part }) => LICENCE_TERMS[part]);
  return Manifest.parse({
    format: 1,
    ...FACTS[detector],
    version: `1.0.0-${versionOf(ordered)}`,
    licence: {
      id: terms.map(({ licenceId }) => licenceId).join(' AND '),
      commercial_use: terms.some(({ commercialUse }) => commercialUse === 'no') ? 'no' : 'unknown',
      attribution: terms.map(({ attribution }) => attribution).join(' '),
    },
    source: ordered.map(({ part, source }) => `${part}: ${source.file}, sha256 ${source.sha256}`).join('; '),
    graphs: ordered.map(({ graph }) => graph),
    aggregate: 'max',
    golden,
  });
}

/** Different checkpoints of one network are different versions. */
const versionOf = (records: readonly ImportRecord[]) =>
  createHash('sha256')
    .update(records.map(({ source }) => source.sha256).join(''))
    .digest('hex')
    .slice(0, 12);
