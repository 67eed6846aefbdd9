import { expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { loadConfig } from '../src/config.ts';

const DAY_MS = 86_400_000;
const Lifecycle = z.object({
  Rules: z.array(
    z.object({
      Status: z.literal('Enabled'),
      Filter: z.object({ Prefix: z.string() }),
      Expiration: z.object({ Days: z.number().int().min(1) }).optional(),
      AbortIncompleteMultipartUpload: z.object({ DaysAfterInitiation: z.number().int() }).optional(),
    }),
  ),
});

it('the lifecycle of a bucket keeps as long as the default settings do, and never touches what is owed', async () => {
  const text = await readFile(new URL('../../../infra/s3/lifecycle.json', import.meta.url), 'utf8');
  const { Rules } = Lifecycle.parse(JSON.parse(text));
  const days = Object.fromEntries(
    Rules.flatMap(({ Filter, Expiration }) => (Expiration ? [[Filter.Prefix, Expiration.Days]] : [])),
  );
  const { retention } = loadConfig({ REDIS_URL: 'redis://localhost' });
  const detection = retention.detectionMs! / DAY_MS;
  expect(days).toEqual({
    'uploads/': retention.uploadMs! / DAY_MS,
    ...Object.fromEntries(
      ['requests/', 'verdicts/', 'partials/', 'index/', 'deliveries/', 'erased/'].map((prefix) => [prefix, detection]),
    ),
    // S3 counts whole days from the next midnight: one to two of them, as a key counts for one.
    'idem/': 1,
    // Two to three of them: longer than any key counts that names a detection made of an upload.
    'incoming/': 2,
  });
});

it('0 keeps for ever, and the record of a key stays a day at least and two at most', () => {
  const load = (more: NodeJS.ProcessEnv) => loadConfig({ REDIS_URL: 'redis://localhost', ...more });
  expect(load({ UPLOAD_RETENTION_HOURS: '0', VERDICT_RETENTION_DAYS: '0' }).retention).toMatchObject({
    uploadMs: null,
    detectionMs: null,
  });
  expect(load({ UPLOAD_RETENTION_HOURS: '24' }).retention.uploadMs).toBe(DAY_MS);
  for (const hours of ['23', '49']) expect(() => load({ IDEM_RETENTION_HOURS: hours })).toThrow('IDEM_RETENTION_HOURS');
});
