import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCalibration } from '@touchstone/fusion/load-calibration';
import { isFittedFor } from '@touchstone/fusion/offered-points';
import { createSeededRandom } from '@touchstone/fusion/seeded-random';
import { loadBundle } from '@touchstone/models/load-bundle';
import { writeTinyBundle } from '@touchstone/models/tiny-bundle';
import { parseCalibrateOptions } from './calibrate-options.ts';
import { readScores } from './read-scores.ts';
import { runCalibrate } from './run-calibrate.ts';

describe('npm run calibrate', () => {
  let folder: string;
  let bundles: { sbi: string; distildire: string };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'calibrate-'));
    bundles = { sbi: join(folder, 'faces'), distildire: join(folder, 'whole') };
    await writeTinyBundle(bundles.sbi, { scope: 'face-forgery' });
    await writeTinyBundle(bundles.distildire, { scope: 'whole-image', isChained: true });
  });
  afterAll(() => rm(folder, { recursive: true }));

  const writeScores = async (name: string, pairs: number) => {
    const random = createSeededRandom(4);
    const lines = Array.from({ length: 2 * pairs }, (_, i) => {
      const isFake = i % 2 === 1;
      const score = () => (random() * 0.6 + (isFake ? 0.4 : 0)).toFixed(4);
      const sbi = i % 10 === 0 ? '' : score();
      return `${i}.jpg,${isFake ? 'fake' : 'real'},g${i >> 1},made,${sbi},${score()}`;
    });
    const path = join(folder, name);
    await writeFile(path, `file,label,group,source,sbi,distildire\n${lines.join('\n')}\n`);
    return path;
  };
  const calibrate = (args: string[], print: (text: string) => void = () => undefined) =>
    runCalibrate(
      { ...parseCalibrateOptions(args), bundles },
      { env: {}, now: new Date('2026-11-25T12:00:00Z'), print },
    );

  it('writes an artefact that names weights, scores and figures, and that services load', async () => {
    const out = join(folder, 'calibration.json');
    let printed = '';
    await calibrate([await writeScores('scores.csv', 400), '--out', out], (text) => (printed += text));
    const { artefact } = (await loadCalibration(out))!;
    expect(artefact).toMatchObject({
      id: expect.stringMatching(/^cal-20261125-[0-9a-f]{8}$/),
      domain: 'made',
      scores_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      fitted_n: { real: 400, fake: 400 },
      default_operating_point: 'fpr_1pct',
    });
    const loaded = await loadBundle(bundles.distildire);
    if (!loaded.ok) throw new Error(loaded.problem.detail);
    const { manifest, weightsSha256 } = loaded.bundle;
    const running = { slot: 'distildire', version: manifest.version, weights_sha256: weightsSha256 } as const;
    expect(isFittedFor(artefact, running)).toBe(true);
    expect(isFittedFor(artefact, { ...running, weights_sha256: 'e'.repeat(64) })).toBe(false);
    expect(isFittedFor(artefact, { ...running, version: '9.0.0' })).toBe(false);
    for (const part of ['distildire+sbi', 'fpr_1pct', 'above: manipulated']) expect(printed).toContain(part);
  });

  it('fits several files as one', async () => {
    const out = join(folder, 'both.json');
    const paths = [await writeScores('a.csv', 100), await writeScores('b.csv', 150)];
    const artefact = await calibrate([...paths, '--out', out, '--id', 'mine', '--domain', 'two files']);
    expect(artefact).toMatchObject({ id: 'mine', domain: 'two files', fitted_n: { real: 250 } });
  });

  it('writes nothing when there are too few images', async () => {
    const scores = await writeScores('few.csv', 20);
    const out = join(folder, 'refused.json');
    await expect(calibrate([scores, '--out', out])).rejects.toThrow('too few labelled images');
    expect(await readdir(folder)).not.toContain('refused.json');
  });

  it('says which bundle is missing', async () => {
    const scores = await writeScores('scores.csv', 100);
    const options = { ...parseCalibrateOptions([scores]), bundles: { ...bundles, sbi: join(folder, 'absent') } };
    const context = { env: {}, now: new Date(0), print: () => undefined };
    await expect(runCalibrate(options, context)).rejects.toThrow('sbi: there is no model bundle at absent');
  });
});

describe('scores', () => {
  it('may lack a detector, group and source, and count the faces', () => {
    expect(readScores('file,label,sbi,sbi_regions\na.jpg,real,0.25,3\nb.jpg,fake,,\n')).toEqual([
      { isFake: false, group: 'a.jpg', source: 'unnamed', scores: { sbi: { score: 0.25, regions: 3 } } },
    ]);
  });

  it.each([
    ['file,label\na,real\n', 'there is no column of scores'],
    ['file,label,sbi\na,real,1.2\n', 'row 2: sbi must be a probability, not 1.2'],
    ['file,label,sbi\na,genuine,0.2\n', 'row 2: label must be real or fake, not genuine'],
    ['file,label,sbi,sbi_regions\na,real,0.2,0\n', 'row 2: sbi_regions must be 1 or more'],
  ])('%j are refused', (text, complaint) => {
    expect(() => readScores(text)).toThrow(complaint);
  });
});

describe('a calibration that is configured', () => {
  it('is none when switched off, and one that is no artefact stops the start', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'calibration-'));
    try {
      const path = join(folder, 'broken.json');
      await writeFile(path, '{"format": 1');
      expect(await loadCalibration('none')).toBeNull();
      await expect(loadCalibration(path)).rejects.toThrow('CALIBRATION_PATH is no calibration artefact');
      await expect(loadCalibration(join(folder, 'absent.json'))).rejects.toThrow('ENOENT');
      expect(await readFile(path, 'utf8')).toBe('{"format": 1');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
