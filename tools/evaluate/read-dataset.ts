import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { createSeededRandom } from '@touchstone/fusion/seeded-random';
import { parseCsv } from './parse-csv.ts';

/** One labelled image. */
export type LabelledImage = {
  /** As the list names it: the same on every machine. */
  file: string;
  path: string;
  label: 'real' | 'fake';
  split: string | null;
  /** Images of one group stand or fall together: a bootstrap draws groups. */
  group: string;
  source: string;
};

const IMAGE_NAME = /\.(jpe?g|png|webp)$/i;

/**
 * The images of a folder with `real/` and `fake/`, or of a CSV with `file,label[,split,group,source]`. The manifests of
 * data sets are understood as they are: `original` is a group, `family` a source, and a `source` that names the picture
 * upstream (`repository:path`) tells both.
 */
export async function readDataset(path: string, split: string | null): Promise<LabelledImage[]> {
  const found = await stat(path);
  const images = found.isDirectory() ? await readFolder(path) : await readList(path);
  const chosen = split === null ? images : images.filter((image) => image.split === split);
  if (chosen.length === 0) throw new Error(split === null ? 'there are no images' : `no image is of split ${split}`);
  return chosen;
}

/** At most `limit` images, drawn with a seed and equally of both labels, in the order of the list. */
export function drawImages(images: readonly LabelledImage[], limit: number, seed: number): LabelledImage[] {
  const random = createSeededRandom(seed);
  const ranked = images.map((image) => ({ image, rank: random() })).toSorted((a, b) => a.rank - b.rank);
  const ofLabel = (label: LabelledImage['label']) => ranked.filter(({ image }) => image.label === label);
  const [real, fake] = [ofLabel('real'), ofLabel('fake')];
  const realCount = Math.min(real.length, Math.max(Math.ceil(limit / 2), limit - fake.length));
  const kept = new Set([...real.slice(0, realCount), ...fake.slice(0, limit - realCount)].map(({ image }) => image));
  return images.filter((image) => kept.has(image));
}

async function readFolder(folder: string): Promise<LabelledImage[]> {
  const images: LabelledImage[] = [];
  for (const label of ['real', 'fake'] as const) {
    const names = await readdir(join(folder, label), { recursive: true }).catch(() => [] as string[]);
    for (const name of names.filter((entry) => IMAGE_NAME.test(entry)).toSorted()) {
      const file = `${label}/${name}`;
      const source = dirname(name) === '.' ? basename(resolve(folder)) : name.split('/')[0]!;
      images.push({ file, path: join(folder, file), label, split: null, group: file, source });
    }
  }
  if (images.length === 0) throw new Error(`${basename(folder)} holds no images in real/ and fake/`);
  return images;
}

async function readList(path: string): Promise<LabelledImage[]> {
  const rows = parseCsv(await readFile(path, 'utf8'));
  if (rows.length === 0) throw new Error(`${basename(path)} has no rows`);
  const folder = dirname(resolve(path));
  return rows.map((row, i) => {
    const { file, split } = row;
    if (file === undefined || file === '') throw new Error(`row ${i + 2} names no file`);
    const label = LABELS[row['label']?.toLowerCase() ?? ''];
    if (label === undefined) throw new Error(`row ${i + 2}: label must be real or fake, not ${row['label']}`);
    const upstream = row['source'] ?? '';
    const repository = /^([^:]+):./.exec(upstream)?.[1];
    return {
      file,
      path: resolve(folder, file),
      label,
      split: split === undefined || split === '' ? null : split,
      group: row['group'] || row['original'] || (repository === undefined ? '' : upstream) || file,
      source: row['family'] || repository || upstream || basename(folder),
    };
  });
}

const LABELS: Record<string, LabelledImage['label']> = { real: 'real', fake: 'fake', '0': 'real', '1': 'fake' };
