import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { addDiffusionUnet } from '@touchstone/models/import/diffusion-unet';
import { createGraphBuilder } from '@touchstone/models/import/graph-builder';
import { ImportRecord } from '@touchstone/models/import/import-record';
import type { Part } from '@touchstone/models/import/licence-terms';
import { createSeededWeights, seededWeight } from '@touchstone/models/import/parity-weights';
import { buildPartGraph } from '@touchstone/models/import/part-graphs';
import { torchSave, type SavedTensor, type TorchSaveOptions } from '@touchstone/models/import/torch-save';
import { tarOf } from '@touchstone/models/import/write-tar';
import { loadBundle } from '@touchstone/models/load-bundle';
import { openBundleRunner, warmBundle } from '../../services/gpu-worker/src/inference/bundle-runner.ts';
import { parseImportOptions } from './import-options.ts';
import { measureGolden } from './measure-golden.ts';
import { runImport, type ImportContext } from './run-import.ts';

/** A checkpoint of the published keys and shapes with seeded weights; the diffusion model an eighth as wide. */
function checkpointOf(part: Part, options: TorchSaveOptions, prefix = ''): Buffer {
  const { weights, shapes } = createSeededWeights(1);
  if (part === 'adm') addDiffusionUnet({ g: createGraphBuilder('keys'), weights }, 'image', 32);
  else buildPartGraph(part, weights);
  const tensors = [...shapes].filter(([key]) => !key.endsWith('num_batches_tracked'));
  return torchSave(
    new Map(
      tensors.map(([key, shape]): [string, SavedTensor] => [
        `${prefix}${key}`,
        { shape, values: seededWeight(key, shape, 1) },
      ]),
    ),
    options,
  );
}

/** Networks of the published size: seconds on a quiet machine. */
const LARGE_TIMEOUT_MS = 120_000;

describe('importing weights', () => {
  let folder: string;
  let said: string[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'import-'));
    said = [];
  });
  afterEach(() => rm(folder, { recursive: true }));

  const run = (args: string[], context: Partial<ImportContext> = {}) =>
    runImport({
      options: parseImportOptions(args)!,
      workingFolder: folder,
      modelsFolder: join(folder, 'models'),
      user: 'tester',
      importer: 'test',
      measureGolden,
      ask: null,
      say: (text) => said.push(text),
      ...context,
    });
  /** Loads a bundle as a worker does, golden vectors included. */
  const start = async (path: string) => {
    const loaded = await loadBundle(path);
    if (!loaded.ok) throw new Error(loaded.problem.detail);
    const settings = { provider: 'cpu', deviceId: 0, intraOpThreads: 1 } as const;
    const bundle = { id: 'imported', ...loaded.bundle };
    const runner = await openBundleRunner(bundle, settings);
    try {
      return { manifest: bundle.manifest, warmMs: await warmBundle(runner, bundle, settings) };
    } finally {
      await runner.release();
    }
  };

  it(
    'gives a bundle of SBI that a worker starts, with its terms, its origin and its card',
    async () => {
      const bytes = checkpointOf('sbi', { container: 'legacy', wrapper: 'model' });
      await writeFile(join(folder, 'FFraw.tar'), bytes);
      const [result] = await run(['FFraw.tar', '--as', 'sbi', '--accept-licence']);
      expect(result!.manifest).not.toBeNull();

      const bundle = join(folder, 'models/sbi');
      const { manifest, warmMs } = await start(bundle);
      expect(warmMs).toBeGreaterThan(0);
      expect(manifest).toMatchObject({ scope: 'face-forgery', licence: { commercial_use: 'no' } });
      expect(manifest.golden.length).toBeGreaterThan(0);
      expect((await readdir(bundle)).toSorted()).toEqual(['CARD.md', 'import-sbi.json', 'manifest.json', 'model.onnx']);
      const record = ImportRecord.parse(JSON.parse(await readFile(join(bundle, 'import-sbi.json'), 'utf8')));
      expect(record.licence).toMatchObject({ accepted_by: 'tester', accepted_how: 'flag' });
      expect(record.source).toMatchObject({ file: 'FFraw.tar', bytes: bytes.length, container: 'legacy' });
      expect(await readFile(join(bundle, 'CARD.md'), 'utf8')).toContain(record.source.sha256);
      expect(said.join('\n')).toContain('Academic, non-commercial use only');

      await expect(run(['FFraw.tar', '--as', 'sbi', '--accept-licence'])).rejects.toThrow('holds a bundle already');
      expect(await loadBundle(bundle)).toMatchObject({ ok: true });
    },
    LARGE_TIMEOUT_MS,
  );

  it(
    'completes DistilDIRE with its second part, from the deployment archive as it was',
    async () => {
      const archive = tarOf([
        {
          name: 'deployment_package/models/distildire/student.pth',
          content: checkpointOf('distildire', { container: 'zip', wrapper: 'model' }, 'module.'),
        },
        {
          name: 'deployment_package/models/distildire/256x256-adm.pt',
          content: checkpointOf('adm', { container: 'zip' }),
        },
      ]);
      await writeFile(join(folder, 'deepfake_deployment.tar.gz'), gzipSync(archive, { level: 0 }));
      const results = await run(['deepfake_deployment.tar.gz', '--accept-licence']);
      expect(results.map(({ part, missing }) => [part, missing])).toEqual([
        ['distildire', ['adm']],
        ['adm', []],
      ]);
      const { manifest } = await start(join(folder, 'models/distildire'));
      expect(manifest.graphs.map(({ file }) => file)).toEqual(['adm.onnx', 'student.onnx']);
      expect(manifest.golden).toHaveLength(1);
      expect(manifest.licence.id).toBe('LicenseRef-ADM-research AND CC-BY-NC-4.0');
      expect(await readdir(join(folder, 'models'))).toEqual(['distildire']);
    },
    LARGE_TIMEOUT_MS,
  );

  describe('the terms', () => {
    const bytes = checkpointOf('adm', { container: 'zip' });
    const args = ['adm.pt', '--as', 'adm'];
    beforeEach(() => writeFile(join(folder, 'adm.pt'), bytes));

    it('are shown and nothing is imported where there is nobody to ask', async () => {
      await expect(run(args)).rejects.toThrow('--accept-licence');
      expect(said.join('\n')).toContain('not intended to be commercially deployed');
      expect(await readdir(folder)).toEqual(['adm.pt']);
    });

    it('are asked for, and a no leaves nothing behind', async () => {
      await expect(run(args, { ask: async () => 'y' })).rejects.toThrow('not accepted');
      expect(await readdir(folder)).toEqual(['adm.pt']);
    });

    it('are recorded when a person says yes', async () => {
      const [result] = await run([...args, '--out', 'mine'], { ask: async () => ' Yes\n' });
      expect(result).toMatchObject({ part: 'adm', manifest: null, missing: ['distildire'] });
      const record = ImportRecord.parse(JSON.parse(await readFile(join(folder, 'mine/import-adm.json'), 'utf8')));
      expect(record.licence).toMatchObject({ id: 'LicenseRef-ADM-research', accepted_how: 'asked' });
    });

    it('do not matter to a file of another network', async () => {
      await expect(run(['adm.pt', '--as', 'sbi', '--accept-licence'])).rejects.toThrow('use --as adm');
      expect(await readdir(folder)).toEqual(['adm.pt']);
    });

    it('leave nothing half done when the import is interrupted', async () => {
      const abort = new AbortController();
      const say = (text: string) => text.includes('30 %') && abort.abort();
      await expect(run([...args, '--out', 'mine', '--accept-licence'], { signal: abort.signal, say })).rejects.toThrow(
        'abort',
      );
      expect(await readdir(join(folder, 'mine'))).toEqual([]);
    });
  });

  it.each([
    [['a.pth'], 'needs --as'],
    [['a.pth', '--as', 'other'], 'sbi, distildire, adm'],
    [[], 'exactly one FILE'],
    [['a', 'b', '--as', 'sbi'], 'exactly one FILE'],
    [['a.pth', '--as', 'sbi', '--force'], '--force'],
  ])('does not understand %j', (args, complaint) => {
    expect(() => parseImportOptions(args)).toThrow(complaint);
  });

  it('explains itself', () => expect(parseImportOptions(['--help'])).toBeNull());
});
