import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { appendFile, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadBundle } from './load-bundle.ts';
import { writeTinyBundle } from './tiny-bundle.ts';

const NOBODY = 65_534;

describe('loading a bundle', () => {
  let folder: string;
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'bundle-')), 'tiny');
  });
  afterEach(() => rm(join(folder, '..'), { recursive: true }));
  const problemOf = async (path: string) => {
    const loaded = await loadBundle(path);
    if (loaded.ok) throw new Error('it was loaded');
    return loaded.problem;
  };

  it('gives the manifest, the graphs in order and the digest of the only graph', async () => {
    const manifest = await writeTinyBundle(folder, { scope: 'face-forgery' });
    const digest = createHash('sha256').update(await readFile(join(folder, 'model.onnx')));
    expect(await loadBundle(folder)).toEqual({
      ok: true,
      bundle: { manifest, weightsSha256: digest.digest('hex'), graphPaths: [join(folder, 'model.onnx')] },
    });
  });

  it('names several graphs by the digest of their digests', async () => {
    const { graphs } = await writeTinyBundle(folder, { scope: 'whole-image', isChained: true });
    const digest = createHash('sha256').update(`${graphs[0]!.sha256}${graphs[1]!.sha256}`);
    const loaded = await loadBundle(folder);
    expect(loaded.ok && loaded.bundle.weightsSha256).toBe(digest.digest('hex'));
  });

  it('says that the folder is missing without naming the folders above it', async () => {
    const { code, detail } = await problemOf(folder);
    expect(code).toBe('missing');
    expect(detail).toContain('tiny');
    expect(detail).not.toContain(tmpdir());
  });

  it('refuses a graph that differs by one byte', async () => {
    await writeTinyBundle(folder, { scope: 'whole-image' });
    await appendFile(join(folder, 'model.onnx'), 'x');
    expect(await problemOf(folder)).toMatchObject({ code: 'graph_changed' });
  });

  it('refuses a bundle without its graph', async () => {
    await writeTinyBundle(folder, { scope: 'whole-image' });
    await rm(join(folder, 'model.onnx'));
    expect(await problemOf(folder)).toMatchObject({ code: 'graph_missing' });
  });

  it('holds weights beside a graph to the manifest as well, and names the bundle by them', async () => {
    const manifest = await writeTinyBundle(folder, { scope: 'whole-image' });
    const sha256 = createHash('sha256').update('weights').digest('hex');
    const graphs = [{ ...manifest.graphs[0]!, data: { file: 'model.onnx.data', sha256 } }];
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, graphs }));
    expect(await problemOf(folder)).toMatchObject({ code: 'graph_missing' });
    await writeFile(join(folder, 'model.onnx.data'), 'weights');
    const digest = createHash('sha256').update(`${graphs[0]!.sha256}${sha256}`).digest('hex');
    expect(await loadBundle(folder)).toMatchObject({ ok: true, bundle: { weightsSha256: digest } });
    await writeFile(join(folder, 'model.onnx.data'), 'Weights');
    expect(await problemOf(folder)).toMatchObject({ code: 'graph_changed' });
  });

  it('names the place at which a manifest is wrong', async () => {
    const manifest = await writeTinyBundle(folder, { scope: 'whole-image' });
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, scope: 'anything' }));
    const { code, detail } = await problemOf(folder);
    expect(code).toBe('bad_manifest');
    expect(detail).toContain('scope');
  });

  it.each([
    ['a checkpoint by its name', 'weights.pth', 'anything'],
    ['a zip checkpoint by its first bytes', 'weights', 'PK\x03\x04....'],
    ['a legacy checkpoint by its first bytes', 'weights', '\x80\x02\x8a\x0a'],
  ])('tells what to do with %s, in a folder or alone', async (_what, name, content) => {
    await mkdir(folder);
    await writeFile(join(folder, name), Buffer.from(content, 'latin1'));
    for (const path of [folder, join(folder, name)]) {
      const { code, detail } = await problemOf(path);
      expect(code).toBe('pytorch_files');
      expect(detail).toContain('these are PyTorch files; convert them to a bundle');
    }
  });

  it('says that a folder in the place of the manifest cannot be read', async () => {
    await mkdir(join(folder, 'manifest.json'), { recursive: true });
    const { code, detail } = await problemOf(folder);
    expect(code).toBe('unreadable');
    expect(detail).toContain('tiny cannot be read by this user (EISDIR)');
  });

  it.each(['', 'manifest.json', 'model.onnx'])('says that rights are missing: /%s', async (name) => {
    await writeTinyBundle(folder, { scope: 'whole-image' });
    await chmod(join(folder, '..'), 0o755);
    await chmod(join(folder, name), 0);
    // Root may read everything.
    const isRoot = process.geteuid!() === 0;
    try {
      if (isRoot) process.seteuid!(NOBODY);
      const { code, detail } = await problemOf(folder);
      expect(code).toBe('unreadable');
      expect(detail).toContain('tiny cannot be read by this user (EACCES)');
      expect(detail).not.toContain(tmpdir());
    } finally {
      if (isRoot) process.seteuid!(0);
      await chmod(join(folder, name), 0o755);
    }
  });

  it('says that a folder of something else is no bundle', async () => {
    await mkdir(folder);
    await writeFile(join(folder, 'notes.txt'), 'hello');
    expect(await problemOf(folder)).toMatchObject({ code: 'no_manifest' });
    expect(await problemOf(join(folder, 'notes.txt'))).toMatchObject({ code: 'no_manifest' });
  });
});
