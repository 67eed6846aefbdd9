import { expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { join } from 'node:path';
import { asError } from '@touchstone/shared/process/error-code';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');
const BUILD_TIMEOUT_MS = 120_000;

const script = `
  import { openPreparerPool } from './services/gpu-worker/dist/preparer/preparer-pool.js';
  import { createLogger } from '@touchstone/shared/observe/logger';
  const png = Buffer.from(process.argv[1], 'base64');
  const plan = {
    slot: 'distildire', orientation: 'apply',
    steps: [{ op: 'centre-crop', size: 1, enlarge: 'pil-bilinear-u8' }],
    tensor: { type: 'uint8', layout: 'NHWC', width: 1, height: 1 },
  };
  const logger = createLogger('test', 'silent');
  const pool = await openPreparerPool({
    plans: [plan], size: 1, timeoutMs: 10_000, maxGrowthBytes: 400e6, recycleAfter: 10, logger,
  });
  const image = await pool.prepare(png, 'image/png');
  await pool.close();
  process.stdout.write(JSON.stringify({ width: image.width, pixel: [...image.inputs[0].data] }));
`;
void script;
void run;
void root;
void BUILD_TIMEOUT_MS;
void asError;
void expect;
void it;
