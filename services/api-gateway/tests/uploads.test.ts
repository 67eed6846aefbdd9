import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Problem } from '@touchstone/shared/contracts/failure';
import { newUploadId } from '@touchstone/shared/contracts/upload-id';
import { runGateway, type RunningGateway } from './running-gateway.ts';

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await runGateway();
});
afterAll(() => gateway.close());

const postJson = async (path: string, body: unknown) => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(gateway.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: answer.status, problem: Problem.parse(await answer.json()) };
};

it('a directory gives no upload targets, and says what to do instead', async () => {
  const asked = { media_type: 'image/png', bytes: 100, sha256: 'a'.repeat(64) };
  expect(await postJson('/api/v1/uploads', asked)).toMatchObject({
    status: 422,
    problem: { code: 'direct_upload_unavailable', detail: expect.stringContaining('multipart/form-data') },
  });
});

it.each([
  ['a digest', { media_type: 'image/png', bytes: 100 }, '/sha256'],
  ['a size', { media_type: 'image/png', bytes: '100', sha256: 'a'.repeat(64) }, '/bytes'],
  ['only what it knows', { media_type: 'image/png', bytes: 1, sha256: 'a'.repeat(64), name: 'x' }, '/name'],
])('an upload announces %s, and the refusal points to it', async (_, body, pointer) => {
  const { status, problem } = await postJson('/api/v1/uploads', body);
  expect([status, problem.code, problem.errors?.map((error) => error.pointer)]).toEqual([
    400,
    'malformed_request',
    [pointer],
  ]);
});

it.each([
  ['no upload', {}, '/upload_id'],
  ['what is no id', { upload_id: '../etc' }, '/upload_id'],
  ['an option of the wrong kind', { upload_id: newUploadId(0), external_id: 7 }, '/external_id'],
])('JSON with %s is refused at the field', async (_, body, pointer) => {
  const { status, problem } = await postJson('/api/v1/detections', body);
  expect([status, problem.errors]).toMatchObject([400, [{ pointer }]]);
});

it('an upload that never was cannot become a detection', async () => {
  const answer = await postJson('/api/v1/detections', { upload_id: newUploadId(Date.now()), llm: null });
  expect(answer).toMatchObject({ status: 422, problem: { code: 'upload_unavailable' } });
  expect(await gateway.leftovers()).toEqual([]);
});
