import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { appendFile, chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeTinyBundle } from '../../packages/models/src/tiny-bundle.ts';
import type { BundleCheck } from '../../services/gpu-worker/src/check-bundles.ts';
import { checkBundles } from './check-bundles.ts';
import { judgeDevice } from './judge-bundles.ts';
import { readGpus } from './read-gpus.ts';
import { contextOf, runAlone } from './test-context.ts';

describe('the bundles', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'doctor-bundles-'))));
  afterEach(() => rm(folder, { recursive: true }));
  const check = (env: NodeJS.ProcessEnv) => runAlone(checkBundles, contextOf(env));

  it('that ship pass on the CPU', async () => {
    const what = expect.stringMatching(
      /^\S+ \d\S*: sha256 [0-9a-f]{12} ok, opset 17, cpu, golden vectors ok, [\d.]+ ms warm$/,
    );
    expect(await check({ DEPLOYMENT_USE: 'research' })).toMatchObject({
      gpu: { state: 'skip' },
      'bundle-sbi': { state: 'ok', what },
      'bundle-distildire': { state: 'ok', what },
    });
  });

  it('say what is wrong with each slot, and the other one still runs', async () => {
    await writeTinyBundle(join(folder, 'mine'), { scope: 'face-forgery' });
    await appendFile(join(folder, 'mine/model.onnx'), 'x');
    await writeTinyBundle(join(folder, 'fine'), { scope: 'whole-image' });
    const findings = await check({
      MODEL_SBI_PATH: join(folder, 'mine'),
      MODEL_DISTILDIRE_PATH: join(folder, 'fine'),
    });
    expect(findings).toMatchObject({
      'bundle-sbi': {
        state: 'fail',
        what: expect.stringContaining('sha256 differs'),
        advice: expect.stringContaining('replace the folder as a whole'),
        facts: { sha256_ok: false },
      },
      'bundle-distildire': { state: 'ok', facts: { id: 'tiny-whole-image' } },
    });
    expect(JSON.stringify(findings)).not.toContain(folder);
  });

  it('cannot be checked with bad settings, and the variable is named', async () => {
    expect(await check({ EXECUTION_PROVIDER: 'tpu' })).toMatchObject({
      bundles: { state: 'fail', what: expect.stringContaining('EXECUTION_PROVIDER') },
    });
  });

  it('are given up when the check is told to stop', async () => {
    const findings = await checkBundles.run(contextOf({}), AbortSignal.abort());
    expect(findings).toMatchObject([{ id: 'bundles', state: 'fail' }]);
  });

  it('are skipped, and the GPU fails, where CUDA was asked for and cannot compute', async () => {
    // Also on a machine with a GPU: it has no device 63.
    const findings = await check({ EXECUTION_PROVIDER: 'cuda', DEVICE_ID: '63', WORKER_SLOTS: 'sbi' });
    expect(findings).toMatchObject({
      gpu: { state: 'fail', facts: { provider: 'cuda', device_id: 63 } },
      'bundle-sbi': { state: 'skip' },
    });
  });

  it('run on GPUs that nvidia-smi lists', async () => {
    const program = join(folder, 'nvidia-smi');
    await writeFile(program, '#!/bin/sh\necho "Tesla T4, 550.1, 15360 MiB"\necho "Tesla T4, 550.1, 15360 MiB"\n');
    await chmod(program, 0o755);
    const { signal } = new AbortController();
    expect(await readGpus({ PATH: `${folder}:/bin:/usr/bin` }, signal)).toHaveLength(2);
    expect(await readGpus({ PATH: join(folder, 'none') }, signal)).toBeNull();
  });
});

describe('a GPU', () => {
  const cuda: BundleCheck = { provider: 'cuda', device_id: 1, backends: [], device_problem: null, slots: [] };
  const broken: BundleCheck = { ...cuda, device_problem: 'no libcudart.so.12' };

  it('is named when it computes', () => {
    expect(judgeDevice(cuda, ['A', 'B'])).toMatchObject({
      state: 'ok',
      what: 'onnxruntime computes on cuda device 1 (B)',
    });
    expect(judgeDevice(cuda, null).state).toBe('ok');
  });

  it('fails with what is missing: driver, device or libraries', () => {
    expect(judgeDevice(broken, null)).toMatchObject({ state: 'fail', advice: expect.stringContaining('--gpus all') });
    expect(judgeDevice(broken, ['A'])).toMatchObject({
      state: 'fail',
      advice: 'Set DEVICE_ID to a number from 0 to 0.',
    });
    const advice = judgeDevice(broken, ['A', 'B']).advice!;
    expect(advice).toContain('ONNXRUNTIME_NODE_INSTALL=true');
    expect(advice).toContain('cuDNN 9');
  });

  it('is not needed on the CPU, but onnxruntime is', () => {
    const cpu: BundleCheck = { ...cuda, provider: 'cpu' };
    expect(judgeDevice(cpu, null)).toMatchObject({ id: 'gpu', state: 'skip' });
    expect(judgeDevice({ ...cpu, device_problem: 'no' }, null)).toMatchObject({ id: 'onnxruntime', state: 'fail' });
  });
});
