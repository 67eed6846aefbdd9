import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadBundle } from '@touchstone/models/load-bundle';
import type { Manifest } from '@touchstone/models/manifest';
import { tinyProbability, writeTinyBundle, type TinyBundleOptions } from '@touchstone/models/tiny-bundle';
import { openInferenceDevice, type InferenceDevice } from '../src/inference/open-inference-device.ts';
import type { InferenceBundle } from '../src/inference/thread-messages.ts';
import { findBuilt } from './find-built.ts';

const TENSOR_BYTES = 32 * 32 * 3;
/** One image of each grey. */
const grey = (...bytes: number[]) => {
  const images = new Uint8Array(bytes.length * TENSOR_BYTES);
  for (const [i, byte] of bytes.entries()) images.fill(byte, i * TENSOR_BYTES, (i + 1) * TENSOR_BYTES);
  return images;
};

describe('the inference device', () => {
  let folder: string;
  let device: InferenceDevice | undefined;
  let crashes: Error[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'inference-'));
    crashes = [];
  });
  afterEach(async () => {
    await device?.close();
    device = undefined;
    await rm(folder, { recursive: true });
  });

  const makeBundle = async (
    id: string,
    options: TinyBundleOptions,
    change: (manifest: Manifest) => Manifest = (manifest) => manifest,
  ): Promise<InferenceBundle> => {
    const path = join(folder, id);
    const manifest = await writeTinyBundle(path, options);
    await writeFile(join(path, 'manifest.json'), JSON.stringify(change(manifest)));
    const loaded = await loadBundle(path);
    if (!loaded.ok) throw new Error(loaded.problem.detail);
    return { id, manifest: loaded.bundle.manifest, graphPaths: loaded.bundle.graphPaths };
  };
  const openDevice = async (
    bundles: InferenceBundle[],
    changes: Partial<Parameters<typeof openInferenceDevice>[0]> = {},
  ): Promise<InferenceDevice> =>
    (device = await openInferenceDevice({
      provider: 'cpu',
      deviceId: 0,
      intraOpThreads: 1,
      bundles,
      runTimeoutMs: 60_000,
      onCrash: (error) => crashes.push(error),
      ...changes,
    }));
  const close2 = (scores: Float32Array) => [...scores].map((score) => Number(score.toFixed(4)));
  const expected = (...bytes: number[]) => bytes.map((byte) => Number(tinyProbability(byte).toFixed(4)));

  it('scores every image of a batch of any size, in order', async () => {
    const { run, reports } = await openDevice([await makeBundle('whole', { scope: 'whole-image' })]);
    expect(reports).toEqual([{ id: 'whole', provider: 'cpu', warmMs: expect.any(Number), problem: null, cause: null }]);
    const bytes = [0, 30, 60, 90, 120, 150, 180, 210, 240, 255, 128];
    expect(close2(await run('whole', grey(...bytes), bytes.length))).toEqual(expected(...bytes));
  });

  it('hands the values of one graph to the next', async () => {
    const { run } = await openDevice([await makeBundle('chain', { scope: 'face-forgery', isChained: true })]);
    expect(close2(await run('chain', grey(200, 10), 2))).toEqual(expected(200, 10));
  });

  it('takes the buffer away instead of copying it', async () => {
    const { run } = await openDevice([await makeBundle('whole', { scope: 'whole-image' })]);
    const image = grey(7);
    await run('whole', image, 1);
    expect(image.byteLength).toBe(0);
  });

  it('refuses a bundle that misses its golden vectors and goes on with the others', async () => {
    const wrong = await makeBundle('wrong', { scope: 'whole-image' }, (manifest) => ({
      ...manifest,
      golden: [{ ...manifest.golden[0]!, probability: 0.9 }],
    }));
    const { reports, run } = await openDevice([wrong, await makeBundle('right', { scope: 'whole-image' })]);
    expect(reports.map(({ id, provider }) => ({ id, provider }))).toEqual([
      { id: 'wrong', provider: null },
      { id: 'right', provider: 'cpu' },
    ]);
    expect(reports[0]!.problem).toContain('golden vector hash gave');
    await expect(run('wrong', grey(1), 1)).rejects.toThrow('no usable bundle wrong');
    expect(close2(await run('right', grey(90), 1))).toEqual(expected(90));
  });

  it('names the graph that onnxruntime cannot load, and no folder', async () => {
    const broken = await makeBundle('broken', { scope: 'whole-image' });
    await writeFile(broken.graphPaths[0]!, 'no graph');
    const { reports } = await openDevice([broken]);
    expect(reports[0]!.problem).toBe('onnxruntime cannot load model.onnx');
    expect(reports[0]!.cause).not.toBeNull();
  });

  it('refuses a bundle whose graph takes no batch of the size that will be asked for', async () => {
    const fixed = await makeBundle('fixed', { scope: 'whole-image', fixedBatch: 1 });
    const { reports } = await openDevice([fixed], { maxBatch: 16 });
    // The largest bucket of the bundle.
    expect(reports[0]!.problem).toBe('its graphs cannot run a batch of 8: leave their batch size free');
    await device!.close();
    expect((await openDevice([fixed], { maxBatch: 1 })).reports[0]!.problem).toBeNull();
  });

  it('names the output that a graph lacks', async () => {
    const misnamed = await makeBundle('misnamed', { scope: 'whole-image' }, (manifest) => ({
      ...manifest,
      graphs: [{ ...manifest.graphs[0]!, outputs: { score: 'probability' } }],
    }));
    const { reports } = await openDevice([misnamed]);
    expect(reports[0]!.problem).toBe('model.onnx has no output score; it has probability');
  });

  it('rejects one run that fails and answers the next', async () => {
    const { run } = await openDevice([await makeBundle('whole', { scope: 'whole-image' })]);
    await expect(run('whole', new Uint8Array(5), 1)).rejects.toThrow('5 values are not 1 images of 32 x 32');
    expect(close2(await run('whole', grey(0), 1))).toEqual(expected(0));
    expect(crashes).toEqual([]);
  });

  it('does not start where the GPU that was asked for cannot compute', async () => {
    const bundle = await makeBundle('whole', { scope: 'whole-image' });
    // Also on a machine with a GPU: it has no device 63.
    await expect(openDevice([bundle], { provider: 'cuda', deviceId: 63 })).rejects.toThrow(
      /onnxruntime cannot compute on cuda device 63: .*EXECUTION_PROVIDER=cpu|no execution provider cuda/,
    );
    expect(crashes).toEqual([]);
  });

  it('rejects what is underway and reports the crash once when a run hangs', async () => {
    const { run } = await openDevice([await makeBundle('whole', { scope: 'whole-image' })], { runTimeoutMs: 1 });
    // A thousand images take more than a millisecond, whatever the machine.
    const bytes = Array.from({ length: 1_000 }, () => 1);
    const both = [run('whole', grey(...bytes), 1_000), run('whole', grey(...bytes), 1_000)];
    const results = await Promise.allSettled(both);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(run('whole', grey(3), 1)).rejects.toThrow('did not answer in 1 ms');
    expect(crashes.map(({ message }) => message)).toEqual(['the device did not answer in 1 ms']);
  });

  it('starts its thread from the built files, and leaves nothing in the home of its user', async () => {
    const bundle = await makeBundle('whole', { scope: 'whole-image' });
    const home = join(folder, 'home');
    await mkdir(home);
    const script = join(folder, 'run-built.mjs');
    const entry = findBuilt('inference/open-inference-device.js');
    await writeFile(
      script,
      `import { readFileSync } from 'node:fs';
       import { openInferenceDevice } from ${JSON.stringify(entry.href)};
       const bundles = [JSON.parse(readFileSync(process.argv[2], 'utf8'))];
       const device = await openInferenceDevice({ provider: 'cpu', deviceId: 0, intraOpThreads: 1, bundles, runTimeoutMs: 60_000, onCrash() {} });
       const scores = await device.run('whole', new Uint8Array(${TENSOR_BYTES}).fill(200), 1);
       await device.close();
       process.stdout.write(JSON.stringify({ scores: [...scores], problem: device.reports[0].problem }));`,
    );
    await writeFile(join(folder, 'bundle.json'), JSON.stringify(bundle));
    const { ORT_DISABLE_TELEMETRY: _unset, ...env } = process.env;
    const built = spawnSync(process.execPath, [script, join(folder, 'bundle.json')], {
      encoding: 'utf8',
      env: { ...env, HOME: home },
    });
    expect(built.stderr).toBe('');
    expect(await readdir(home)).toEqual([]);
    const { scores, problem } = JSON.parse(built.stdout) as { scores: number[]; problem: string | null };
    expect(problem).toBeNull();
    expect(scores[0]).toBeCloseTo(tinyProbability(200), 4);
    expect((await readFile(new URL('./inference.thread.js', entry), 'utf8')).length).toBeGreaterThan(0);
  }, 60_000);
});
