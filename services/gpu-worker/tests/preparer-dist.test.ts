import { expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { findBuilt } from './find-built.ts';
import { centrePlan } from './preparer-plans.ts';

it('starts its children from the built files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'preparer-dist-'));
  try {
    const png = await sharp({ create: { width: 3, height: 3, channels: 3, background: '#0a141e' } })
      .png()
      .toBuffer();
    const script = join(folder, 'run-built.mjs');
    const entry = findBuilt('preparer/preparer-pool.js');
    await writeFile(
      script,
      `import { openPreparerPool } from ${JSON.stringify(entry.href)};
       const logger = { info() {}, warn() {}, error() {} };
       const plans = [${JSON.stringify(centrePlan(1, 'apply'))}];
       const limits = { timeoutMs: 10_000, maxGrowthBytes: 400e6, recycleAfter: 10 };
       const pool = await openPreparerPool({ plans, size: 1, ...limits, logger });
       const { width, inputs } = await pool.prepare(Buffer.from(process.argv[2], 'base64'), 'image/png');
       await pool.close();
       process.stdout.write(JSON.stringify({ width, pixel: [...inputs[0].data] }));`,
    );
    const built = spawnSync(process.execPath, [script, png.toString('base64')], { encoding: 'utf8' });
    expect(built.stderr).toBe('');
    expect(JSON.parse(built.stdout)).toEqual({ width: 3, pixel: [10, 20, 30] });
  } finally {
    await rm(folder, { recursive: true });
  }
}, 60_000);
