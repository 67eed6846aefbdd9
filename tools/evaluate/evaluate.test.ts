import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { tinyProbability, writeTinyBundle } from '@touchstone/models/tiny-bundle';
import type { EvaluationReport } from './build-report.ts';
import { parseCsv } from './parse-csv.ts';

const root = join(import.meta.dirname, '../..');

describe('npm run evaluate', () => {
  let folder: string;
  /** The command as it is run: threads and children of the worker need the plain process. */
  const evaluate = (...args: string[]) =>
    spawnSync(
      process.execPath,
      ['--conditions=@touchstone/source', 'tools/evaluate/main.ts', join(folder, 'set'), ...args],
      {
        cwd: root,
        encoding: 'utf8',
        env: {
          ...process.env,
          CALIBRATION_PATH: 'none',
          MODEL_SBI_PATH: join(folder, 'faces'),
          MODEL_DISTILDIRE_PATH: join(folder, 'whole'),
        },
      },
    );
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'evaluate-'));
    await writeTinyBundle(join(folder, 'faces'), { scope: 'face-forgery' });
    await writeTinyBundle(join(folder, 'whole'), { scope: 'whole-image' });
    for (const [label, from] of [
      ['real', 40],
      ['fake', 120],
    ] as const) {
      await mkdir(join(folder, 'set', label), { recursive: true });
      for (let i = 0; i < 3; i++) {
        const grey = from + 20 * i;
        const picture = sharp({
          create: { width: 48, height: 64, channels: 3, background: { r: grey, g: grey, b: grey } },
        });
        await writeFile(join(folder, 'set', label, `${grey}.png`), await picture.png().toBuffer());
      }
    }
    await writeFile(join(folder, 'set/real/broken.jpg'), Buffer.from([0xff, 0xd8, 0xff, 0xe0]));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('scores every image as the worker would, in every form that it writes', async () => {
    const [json, html, scores] = ['a.json', 'a.html', 'a.csv'].map((name) => join(folder, name));
    const args = ['--robustness', '--json', json!, '--html', html!, '--scores', scores!];
    const { status, stdout, stderr } = evaluate(...args);
    expect([status, stderr.split('\n').at(-2)]).toEqual([0, expect.stringMatching(/^screenshot 7\/7 in/)]);
    expect(stdout).toContain('not calibrated');
    const rows = parseCsv(await readFile(scores!, 'utf8'));
    for (const { file, distildire, sbi } of rows.filter((row) => row['file'] !== 'real/broken.jpg')) {
      const grey = Number(/(\d+)\.png$/.exec(file!)![1]);
      expect(Number(distildire)).toBeCloseTo(tinyProbability(grey), 4);
      expect(sbi).toBe('');
    }
    const report = JSON.parse(await readFile(json!, 'utf8')) as EvaluationReport;
    expect(report.detectors['distildire']).toMatchObject({ n: 6, undecodable: 1, auc: 1, auc_interval: [1, 1] });
    expect(report.detectors['sbi']).toMatchObject({ n: 0, not_applicable: 6, auc: null });
    expect(Object.keys(report.robustness)).toHaveLength(7);
    expect(report.robustness['jpeg_q30']!['distildire']).toMatchObject({ n: 6, auc: 1, auc_drop: 0 });
    expect(await readFile(html!, 'utf8')).toContain('<svg ');
  });

  it('takes each image for one face with --face-crops, and a seeded draw with --limit', async () => {
    const json = join(folder, 'b.json');
    const { status } = evaluate('--face-crops', '--detectors', 'sbi', '--limit', '4', '--seed', '2', '--json', json);
    expect(status).toBe(0);
    const report = JSON.parse(await readFile(json, 'utf8')) as EvaluationReport;
    expect(report.dataset).toMatchObject({ images: 4, face_crops: true, seed: 2 });
    expect(report.detectors['sbi']!.n + report.detectors['sbi']!.undecodable).toBe(4);
    expect(report.detectors['sbi']).toMatchObject({ not_applicable: 0, n_fake: 2 });
  });

  it('lists the images without a face when it cuts crops', async () => {
    const crops = join(folder, 'crops');
    const { status, stdout } = evaluate('--dump-crops', crops);
    expect([status, stdout]).toEqual([0, expect.stringContaining('0 crops of 7 images')]);
    expect((await readdir(crops)).toSorted()).toEqual(['fake', 'manifest.csv', 'real', 'without-face.csv']);
    const reasons = parseCsv(await readFile(join(crops, 'without-face.csv'), 'utf8')).map(({ reason }) => reason);
    expect(reasons.filter((reason) => reason === 'undecodable')).toHaveLength(1);
  });

  it('explains itself when it is asked for something that it does not know', () => {
    const { status, stderr } = evaluate('--detectors', 'both');
    expect([status, stderr]).toEqual([2, expect.stringContaining('--detectors: both is none of sbi, distildire')]);
  });
});
