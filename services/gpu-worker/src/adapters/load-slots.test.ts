import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeTinyBundle } from '@touchstone/models/tiny-bundle';
import { createDetector, loadSlots } from './load-slots.ts';

describe('a slot', () => {
  let folder: string;
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'load-slots-')), 'bundle');
  });
  afterEach(() => rm(join(folder, '..'), { recursive: true }));

  const slotOf = async (slot: 'sbi' | 'distildire', deploymentUse: 'research' | 'commercial' = 'research') => {
    const [loaded] = await loadSlots({
      slots: [slot],
      modelPaths: { sbi: folder, distildire: folder },
      deploymentUse,
    });
    return createDetector(loaded!, [{ id: slot, provider: 'cpu', warmMs: 1, problem: null, cause: null }]);
  };

  it.each([
    ['sbi', 'whole-image', 'MODEL_SBI_PATH: tiny-whole-image is a bundle for whole-image'],
    ['distildire', 'face-forgery', 'MODEL_DISTILDIRE_PATH: tiny-face-forgery is a bundle for face-forgery'],
  ] as const)('%s takes no bundle for %s, and no jobs with one', async (slot, scope, detail) => {
    await writeTinyBundle(folder, { scope });
    expect(await slotOf(slot)).toMatchObject({
      state: 'unavailable',
      answers: false,
      detail: expect.stringContaining(detail),
    });
  });

  it('is filled by a bundle of its own scope', async () => {
    await writeTinyBundle(folder, { scope: 'face-forgery' });
    expect(await slotOf('sbi')).toMatchObject({ state: 'ready', identity: { id: 'tiny-face-forgery' } });
  });

  it('takes no jobs without its bundle, or with one that was changed', async () => {
    expect(await slotOf('sbi')).toMatchObject({ state: 'unavailable', answers: false });
    await writeTinyBundle(folder, { scope: 'face-forgery' });
    await appendFile(join(folder, 'model.onnx'), 'x');
    expect(await slotOf('sbi')).toMatchObject({ state: 'unavailable', answers: false });
  });

  it('answers that it has no model where its operator chose so: PyTorch files, or a licence', async () => {
    await mkdir(folder);
    await writeFile(join(folder, 'weights.pth'), 'x');
    expect(await slotOf('sbi')).toMatchObject({ state: 'unavailable', answers: true });
    await rm(folder, { recursive: true });
    const manifest = await writeTinyBundle(folder, { scope: 'face-forgery' });
    const licence = { ...manifest.licence, commercial_use: 'no' };
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, licence }));
    expect(await slotOf('sbi', 'commercial')).toMatchObject({ state: 'unavailable', answers: true });
  });
});
