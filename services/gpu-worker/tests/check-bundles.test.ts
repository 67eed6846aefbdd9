import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from '@touchstone/models/manifest';
import { writeTinyBundle } from '@touchstone/models/tiny-bundle';
import { checkBundles, type BundleCheck } from '../src/check-bundles.ts';
import { loadConfig } from '../src/config.ts';

const REPOSITORY = join(import.meta.dirname, '../../..');

describe('the check of the bundles', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'check-bundles-'))));
  afterEach(() => rm(folder, { recursive: true }));

  const makeBundle = async (name: string, change: (manifest: Manifest) => Partial<Manifest> = () => ({})) => {
    const path = join(folder, name);
    const manifest = await writeTinyBundle(path, { scope: 'whole-image' });
    await writeFile(join(path, 'manifest.json'), JSON.stringify({ ...manifest, ...change(manifest) }));
    return path;
  };
  const check = async (path: string, env: NodeJS.ProcessEnv = {}) => {
    const config = loadConfig({
      REDIS_URL: 'unix:///unused',
      WORKER_SLOTS: 'distildire',
      MODEL_DISTILDIRE_PATH: path,
      ...env,
    });
    const { slots, ...device } = await checkBundles(config);
    return { ...device, slot: slots[0]! };
  };

  it('tells how far a sound bundle came: to a warm run', async () => {
    expect(await check(await makeBundle('fine'))).toMatchObject({
      provider: 'cpu',
      device_problem: null,
      backends: expect.arrayContaining([{ name: 'cpu', bundled: true }]),
      slot: {
        slot: 'distildire',
        folder: 'fine',
        id: 'tiny-whole-image',
        version: '1.0.0',
        weights_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        sha256_ok: true,
        opsets: [17],
        provider: 'cpu',
        golden: 'passed',
        warm_ms: expect.any(Number),
        problem: null,
      },
    });
  });

  it('names a graph that is not the one of the manifest', async () => {
    const path = await makeBundle('changed');
    await appendFile(join(path, 'model.onnx'), 'x');
    expect((await check(path)).slot).toMatchObject({
      sha256_ok: false,
      warm_ms: null,
      problem: { code: 'graph_changed' },
    });
  });

  it('says that there is no bundle, and names no folder above it', async () => {
    const { slot } = await check(join(folder, 'absent'));
    expect(slot).toMatchObject({ folder: 'absent', id: null, sha256_ok: null, problem: { code: 'missing' } });
    expect(JSON.stringify(slot)).not.toContain(folder);
  });

  it('holds to the licence', async () => {
    const path = await makeBundle('research', ({ licence }) => ({ licence: { ...licence, commercial_use: 'no' } }));
    const refused = { sha256_ok: true, id: 'tiny-whole-image', provider: null, problem: { code: 'licence' } };
    expect((await check(path, { DEPLOYMENT_USE: 'commercial' })).slot).toMatchObject(refused);
    expect((await check(path, { DEPLOYMENT_USE: 'research' })).slot.problem).toBeNull();
  });

  it('holds to what the slot answers', async () => {
    const { slots } = await checkBundles(
      loadConfig({ REDIS_URL: 'unix:///unused', WORKER_SLOTS: 'sbi', MODEL_SBI_PATH: await makeBundle('whole') }),
    );
    expect(slots).toMatchObject([
      { id: 'tiny-whole-image', sha256_ok: true, problem: { code: 'wrong_scope', detail: expect.any(String) } },
    ]);
  });

  it('tells a missed golden vector from a graph that cannot be used', async () => {
    const wrong = await makeBundle('wrong', ({ golden }) => ({ golden: [{ ...golden[0]!, probability: 0.9 }] }));
    expect((await check(wrong)).slot).toMatchObject({ golden: 'missed', opsets: [17], problem: { code: 'golden' } });
    const misnamed = await makeBundle('misnamed', ({ graphs }) => ({
      graphs: [{ ...graphs[0]!, outputs: { score: 'probability' } }],
    }));
    expect((await check(misnamed)).slot).toMatchObject({ golden: null, provider: null, problem: { code: 'unusable' } });
  });

  it('tells that the device cannot be used, and what is known without it', async () => {
    // Also on a machine with a GPU: it has no device 63.
    const found = await check(await makeBundle('fine'), { EXECUTION_PROVIDER: 'cuda', DEVICE_ID: '63' });
    expect(found).toMatchObject({
      provider: 'cuda',
      device_id: 63,
      device_problem: expect.any(String),
      slot: { sha256_ok: true, opsets: [17], problem: { code: 'device' } },
    });
  });

  it('is one JSON document on stdout, and exit code 1 when a slot would be empty', async () => {
    const home = join(folder, 'home');
    await mkdir(home);
    const run = (path: string) =>
      spawnSync(process.execPath, ['--conditions=@touchstone/source', 'services/gpu-worker/src/check-bundles-cli.ts'], {
        cwd: REPOSITORY,
        encoding: 'utf8',
        env: { PATH: process.env['PATH'], HOME: home, WORKER_SLOTS: 'distildire', MODEL_DISTILDIRE_PATH: path },
      });
    const fine = run(await makeBundle('fine'));
    expect((JSON.parse(fine.stdout) as BundleCheck).slots).toMatchObject([{ slot: 'distildire', problem: null }]);
    expect(fine.status).toBe(0);
    const absent = run(join(folder, 'absent'));
    expect((JSON.parse(absent.stdout) as BundleCheck).slots).toMatchObject([{ problem: { code: 'missing' } }]);
    expect(absent.status).toBe(1);
    // onnxruntime would leave its telemetry there.
    expect(await readdir(home)).toEqual([]);
  });
});
