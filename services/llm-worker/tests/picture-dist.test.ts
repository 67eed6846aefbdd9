import { expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { photo } from './support/running-judge.ts';

const REPOSITORY = join(import.meta.dirname, '../../..');

it('starts its children and reads its prompt from the built files', async () => {
  const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
  const build = spawnSync(process.execPath, [tsc, '-b', 'services/llm-worker/tsconfig.build.json'], {
    cwd: REPOSITORY,
    encoding: 'utf8',
  });
  expect(build.stdout).toBe('');
  const folder = await mkdtemp(join(tmpdir(), 'picture-dist-'));
  try {
    const script = join(folder, 'run-built.mjs');
    const built = (name: string) =>
      JSON.stringify(pathToFileURL(join(REPOSITORY, 'services/llm-worker/dist', name)).href);
    await writeFile(
      script,
      `import { openPicturePool } from ${built('picture/picture-pool.js')};
       import { loadPrompt } from ${built('adapters/load-prompt.js')};
       const pool = await openPicturePool({ size: 1, logger: { info() {}, warn() {}, error() {} } });
       const file = Buffer.from(process.argv[2], 'base64');
       const { width, height } = await pool.make({ file, mediaType: 'image/jpeg', faces: [] });
       await pool.close();
       process.stdout.write(JSON.stringify({ width, height, digest: (await loadPrompt()).sha256.length }));`,
    );
    const run = spawnSync(process.execPath, [script, photo.toString('base64')], { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    expect(JSON.parse(run.stdout)).toEqual({ width: 320, height: 240, digest: 64 });
  } finally {
    await rm(folder, { recursive: true });
  }
}, 60_000);
