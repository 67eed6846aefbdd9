import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { Detection } from '@touchstone/shared/contracts/detection';
import { OriginalAnswer } from '@touchstone/shared/contracts/original-answer';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { answers, openJudgeServer, type JudgeServer } from '../../services/llm-worker/tests/support/judge-server.ts';
import { startSystem, type RunningSystem } from './support/running-system.ts';
import { until } from './support/until.ts';

const SHARED = process.env['TOUCHSTONE_SHARED'] ?? join(import.meta.dirname, '../../../shared');
const PORTRAIT = join(SHARED, 'fixtures/photos/real-01-portrait-uniform.png');
const hasPortrait = existsSync(PORTRAIT);
if (!hasPortrait) process.stderr.write('skipped: three models at work, because there is no photo of a face\n');

async function pictureWithoutFace(): Promise<Buffer> {
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  return sharp({ create: { width: 400, height: 300, channels: 3, background: '#7799bb', noise } })
    .jpeg()
    .toBuffer();
}

describe('the whole system with a judge', () => {
  let system: RunningSystem;
  let judge: JudgeServer;
  beforeAll(async () => {
    judge = await openJudgeServer();
    judge.always(answers({ fake_probability: 0.25, verdict: 'authentic' }));
    system = await startSystem({ env: { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: judge.url } });
  }, 90_000);
  afterAll(async () => {
    await system?.stop();
    await judge.close();
  }, 60_000);

  /** Asks the way of the system that Touchstone replaces. */
  async function detect(file: Buffer, fields: Record<string, string> = {}) {
    const callsBefore = judge.calls.length;
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    form.set('image', new Blob([new Uint8Array(file)]), 'holiday.jpg');
    const response = await fetch(`${system.url}/api/v1/detect`, { method: 'POST', body: form });
    expect(response.status).toBe(200);
    const answer = OriginalAnswer.parse(await response.json());
    const resource = await fetch(new URL(response.headers.get('location')!, system.url));
    return { answer, detection: Detection.parse(await resource.json()), calls: judge.calls.slice(callsBefore) };
  }

  (hasPortrait ? describe : describe.skip)('and a photo of a face', () => {
    it('answers with three active models', async () => {
      const { answer, detection, calls } = await detect(readFileSync(PORTRAIT));
      expect(answer.ensemble_mode).toBe('3_models_active');
      expect(Object.values(answer.models).map(({ status }) => status)).toEqual(['active', 'active', 'active']);
      expect(answer.models.chatgpt).toEqual({ is_fake: false, confidence: 0.75, status: 'active' });
      expect(detection.degraded).toEqual([]);
      expect(calls).toHaveLength(1);
      // The whole picture and the face that the detector has found.
      expect(calls[0]!.body.messages[1].content.map(({ type }) => type)).toEqual(['text', 'image_url', 'image_url']);
    });
  });

  it('shows the judgement in the verdict, and tells the model nothing of the client', async () => {
    const { answer, detection, calls } = await detect(await pictureWithoutFace(), { external_id: 'my-words' });
    expect(answer.ensemble_mode).toBe('2_models_active');
    expect(answer.models.sbi.status).toBe('not_applicable');
    expect(detection.degraded).toEqual([]);
    expect(detection.detectors[2]).toMatchObject({
      slot: 'llm',
      status: 'completed',
      score: 0.25,
      judgement: { verdict: 'authentic', model: 'judge-test-2026', contains_instructions: false },
    });
    expect(detection.cost!.llm_tokens_in).toBeGreaterThan(0);
    expect(detection.cost!.gpu_ms).toBeGreaterThan(0);
    expect(calls).toHaveLength(1);
    expect(JSON.stringify(calls[0]!.body)).not.toMatch(/holiday|my-words|det_/);
  });

  it('erases a detection while the model is being asked, and takes back what the answer would have left', async () => {
    const objects = await openDirectoryObjectStore(join(system.dataDir, 'objects'));
    const held = Promise.withResolvers<void>();
    judge.script((response, call) => void held.promise.then(() => answers()(response, call)));
    const calls = judge.calls.length;
    const form = new FormData();
    form.set('image', new Blob([new Uint8Array(await pictureWithoutFace())]), 'a.jpg');
    const accepted = await fetch(`${system.url}/api/v1/detections`, { method: 'POST', body: form });
    const { id } = Detection.parse(await accepted.json());
    const keysOf = async () =>
      (await objects.list('', null, 1_000)).map(({ key }) => key).filter((key) => key.includes(id));
    await judge.received(calls + 1);
    expect((await keysOf()).some((key) => key.startsWith('partials/'))).toBe(true);

    const erase = await fetch(`${system.url}/api/v1/detections/${id}`, { method: 'DELETE' });
    expect(erase.status).toBe(204);
    expect(await keysOf()).toEqual([`erased/default/${id}`]);
    held.resolve();
    await until(async () => (await system.logs()).includes('"stored":"erased"'));
    expect(await keysOf()).toEqual([`erased/default/${id}`]);
    expect((await fetch(`${system.url}/api/v1/detections/${id}`)).status).toBe(404);
  });

  it('does not ask the model when the client says so, and calls that no loss', async () => {
    const { answer, detection, calls } = await detect(await pictureWithoutFace(), { llm: 'off' });
    expect(answer.models.chatgpt.status).toBe('unavailable');
    expect(detection.detectors[2]).toMatchObject({ status: 'skipped', reason: 'policy' });
    expect(detection.degraded).toEqual([]);
    expect(calls).toHaveLength(0);
  });
});
