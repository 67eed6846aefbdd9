import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatCsv, parseCsv } from './parse-csv.ts';
import { drawImages, readDataset, type LabelledImage } from './read-dataset.ts';

describe('a data set', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'dataset-'))));
  afterEach(() => rm(folder, { recursive: true }));
  const list = async (text: string, split: string | null = null) => {
    await writeFile(join(folder, 'manifest.csv'), text);
    return await readDataset(join(folder, 'manifest.csv'), split);
  };

  it('is a folder with real/ and fake/, whose folders are sources', async () => {
    for (const file of ['real/a.jpg', 'real/web/b.PNG', 'fake/sdxl/c.webp', 'fake/notes.txt']) {
      await mkdir(join(folder, file, '..'), { recursive: true });
      await writeFile(join(folder, file), '');
    }
    const images = await readDataset(folder, null);
    expect(images.map(({ file, label }) => [file, label])).toEqual([
      ['real/a.jpg', 'real'],
      ['real/web/b.PNG', 'real'],
      ['fake/sdxl/c.webp', 'fake'],
    ]);
    expect(images.slice(1).map(({ source }) => source)).toEqual(['web', 'sdxl']);
  });

  it('is a list with file and label alone, or with split, group and source', async () => {
    expect(await list('file,label\nx.jpg,real\n')).toMatchObject([{ file: 'x.jpg', label: 'real', group: 'x.jpg' }]);
    const text = 'label,file,split,group,source\n1,a.jpg,train,g,s\n0,"b, c.jpg",val,h,t\n';
    expect(await list(text, 'val')).toMatchObject([
      { file: 'b, c.jpg', path: join(folder, 'b, c.jpg'), label: 'real', split: 'val', group: 'h', source: 't' },
    ]);
  });

  it('is a manifest of ours: originals are groups, families sources, an upstream path tells both', async () => {
    const dfdc = await list('file,label,split,original,crop_width_before_resize\na.jpg,fake,val,abc,129\n');
    expect(dfdc).toMatchObject([{ group: 'abc' }]);
    const extra = await list('file,label,split,family,source\na.jpg,fake,val,sdxl,o/r:p/x.jpg#1\n');
    expect(extra).toMatchObject([{ group: 'o/r:p/x.jpg#1', source: 'sdxl' }]);
    const portraits = await list('file,label,split,source\na.jpg,fake,val,o/r:p/x.jpg\n');
    expect(portraits).toMatchObject([{ group: 'o/r:p/x.jpg', source: 'o/r' }]);
  });

  it.each([
    ['file,label\na.jpg,maybe\n', 'row 2: label must be real or fake, not maybe'],
    ['file,label\na.jpg\n', 'row 2 has 1 cells, the head line has 2'],
    ['label\nreal\n', 'row 2 names no file'],
    ['file,label\n', 'manifest.csv has no rows'],
  ])('is refused as %j', async (text, complaint) => {
    await expect(list(text)).rejects.toThrow(complaint);
  });

  it('says when a split is empty', async () => {
    await expect(list('file,label,split\na.jpg,real,train\n', 'val')).rejects.toThrow('no image is of split val');
  });
});

describe('a draw', () => {
  const images = Array.from({ length: 100 }, (_, i): LabelledImage => ({
    file: String(i),
    path: '',
    label: i < 90 ? 'real' : 'fake',
    split: null,
    group: '',
    source: '',
  }));
  const drawn = drawImages(images, 30, 7);

  it('is the same with the same seed, another with another, in the order of the list', () => {
    expect(drawImages(images, 30, 7)).toEqual(drawn);
    expect(drawImages(images, 30, 8)).not.toEqual(drawn);
    expect(drawn.map(({ file }) => Number(file))).toEqual(
      drawn.map(({ file }) => Number(file)).toSorted((a, b) => a - b),
    );
  });

  it('takes both labels alike as long as there are enough', () => {
    const fakes = drawn.filter(({ label }) => label === 'fake').length;
    expect([drawn.length, fakes]).toEqual([30, 10]);
    expect(drawImages(images, 12, 7).filter(({ label }) => label === 'fake')).toHaveLength(6);
  });
});

it('a CSV is read as it was written', () => {
  const cells = ['plain', 'a, b', 'say "no"', 'two\nlines', ''];
  expect(parseCsv(formatCsv(['a', 'b', 'c', 'd', 'e'], [cells]))).toEqual([
    { a: cells[0], b: cells[1], c: cells[2], d: cells[3], e: cells[4] },
  ]);
});
