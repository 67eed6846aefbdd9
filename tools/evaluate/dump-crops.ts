import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UndecodableImageError } from '@touchstone/imaging/undecodable-image-error';
import type { Logger } from '@touchstone/shared/observe/logger';
import { sniffMediaType } from '../../services/api-gateway/src/core/sniff-media-type.ts';
import { openFaceCutters, type CropFaceStep } from './cut-faces.ts';
import { inOrder } from './in-order.ts';
import { formatCsv } from './parse-csv.ts';
import type { LabelledImage } from './read-dataset.ts';

const HEAD = [
  'file',
  'label',
  'split',
  'group',
  'source',
  'image',
  'face',
  'faces_found',
  'face_score',
  'box_left',
  'box_top',
  'box_right',
  'box_bottom',
  'crop_left',
  'crop_top',
  'crop_side',
  'image_width',
  'image_height',
];

export type DumpSummary = { images: number; crops: number; withoutFace: number; undecodable: number };

/**
 * Writes every face as the serving detector gets it, before its resize, as PNG with a `manifest.csv`: what a network is
 * trained on is then what it will be served. Images without a scored face are listed in `without-face.csv`.
 */
export async function dumpCrops(
  images: readonly LabelledImage[],
  folder: string,
  options: { step: CropFaceStep; logger: Logger; onProgress: (done: number) => void },
): Promise<DumpSummary> {
  for (const label of ['real', 'fake']) await mkdir(join(folder, label), { recursive: true });
  const cutters = await openFaceCutters(options.step, options.logger);
  const rows: (string | number)[][] = [];
  const without: (string | number)[][] = [];
  const digits = String(images.length).length;
  try {
    const cut = async (image: LabelledImage) => {
      const file = await readFile(image.path);
      const mediaType = sniffMediaType(file);
      if (mediaType === null) return null;
      return await cutters.run({ file, mediaType }).catch((error: unknown) => {
        if (error instanceof UndecodableImageError) return null;
        throw error;
      });
    };
    await inOrder(images, cut, async (cuts, image, i) => {
      const { label, split, group, source } = image;
      const about = [label, split ?? '', group, source];
      if (cuts === null || cuts.crops.length === 0) {
        const reason = cuts === null ? 'undecodable' : cuts.foundCount === 0 ? 'no_face' : 'face_too_small';
        without.push([image.file, ...about, reason]);
      }
      for (const [face, crop] of (cuts?.crops ?? []).entries()) {
        const name = `${label}/${String(i).padStart(digits, '0')}-${face}.png`;
        await writeFile(join(folder, name), crop.png);
        const place = [...crop.box, crop.left, crop.top, crop.side, cuts!.width, cuts!.height];
        rows.push([name, ...about, image.file, face, cuts!.foundCount, crop.faceScore.toFixed(4), ...place.map(tenth)]);
      }
      options.onProgress(i + 1);
    });
  } finally {
    await cutters.close();
  }
  await writeFile(join(folder, 'manifest.csv'), formatCsv(HEAD, rows));
  const head = ['file', 'label', 'split', 'group', 'source', 'reason'];
  await writeFile(join(folder, 'without-face.csv'), formatCsv(head, without));
  const undecodable = without.filter((row) => row.at(-1) === 'undecodable').length;
  return { images: images.length, crops: rows.length, withoutFace: without.length - undecodable, undecodable };
}

const tenth = (value: number) => Math.round(10 * value) / 10;
