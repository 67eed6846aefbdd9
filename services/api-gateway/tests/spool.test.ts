import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request, type ClientRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem } from '@touchstone/shared/contracts/failure';
import { spawnGateway } from './gateway-process.ts';
import { formOf, runGateway, until, type RunningGateway } from './running-gateway.ts';
import { jpegOf } from './tiny-images.ts';

const MB = 1_000_000;
const PART = '--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n';
const END = '\r\n--x--\r\n';

type Upload = { client: ClientRequest; status: number | null; retryAfter: string | undefined };
const uploads: Upload[] = [];
const ending: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const { client } of uploads.splice(0)) client.destroy();
  for (const end of ending.splice(0).toReversed()) await end();
});

const started = async (settings: NodeJS.ProcessEnv = {}): Promise<RunningGateway> => {
  const gateway = await runGateway(settings);
  ending.push(() => gateway.close());
  return gateway;
};
const folder = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'spool-'));
  ending.push(() => rm(dir, { recursive: true }));
  return dir;
};
const spawned = async (dataDir: string, maxFileBlocks: number | null = null) => {
  const gateway = await spawnGateway(dataDir, maxFileBlocks);
  ending.push(() => gateway.kill());
  return gateway;
};

/** Sends the first half of an image and holds the rest back. */
function startUpload(url: string, image: Buffer): Upload & { finish(): void } {
  const headers = {
    'content-type': 'multipart/form-data; boundary=x',
    'content-length': PART.length + image.length + END.length,
  };
  const client = request(`${url}/api/v1/detections`, { method: 'POST', headers, agent: false });
  const half = image.length / 2;
  client.write(PART);
  client.write(image.subarray(0, half));
  const upload = {
    client,
    status: null,
    retryAfter: undefined,
    finish: () => client.end(Buffer.concat([image.subarray(half), Buffer.from(END)])),
  } as Upload & { finish(): void };
  client.on('response', (response) => {
    upload.status = response.statusCode!;
    upload.retryAfter = response.headers['retry-after'];
    response.resume();
  });
  client.on('error', () => undefined);
  uploads.push(upload);
  return upload;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const untilTurned = (condition: () => boolean) => until(() => turn().then(condition));

describe('room in the spool', () => {
  it('is given to as many uploads as fit, and the surplus is told to come back', async () => {
    const gateway = await started({ MAX_INFLIGHT_BYTES: String(21 * MB) });
    const image = jpegOf(8, 8, { scan: Buffer.alloc(5 * MB, 7) });
    const all = Array.from({ length: 8 }, () => startUpload(gateway.url, image));
    await untilTurned(() => all.filter(({ status }) => status !== null).length === 4);
    for (const upload of all) if (upload.status === null) upload.finish();
    await untilTurned(() => all.every(({ status }) => status !== null));
    expect(all.map(({ status }) => status).filter((status) => status === 202)).toHaveLength(4);
    expect(all.filter(({ status }) => status === 503).map(({ retryAfter }) => retryAfter)).toEqual([
      '2',
      '2',
      '2',
      '2',
    ]);
    const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text();
    expect(metrics).toMatch(/^touchstone_upload_bytes_in_flight\{[^}]*\} 0$/m);
    expect(await readdir(join(gateway.dataDir, 'spool'))).toEqual([]);
  });

  it('is set aside for the largest file when a client does not say how much it sends', async () => {
    const gateway = await started({ MAX_INFLIGHT_BYTES: String(30 * MB) });
    const headers = { 'content-type': 'multipart/form-data; boundary=x' };
    const first = request(`${gateway.url}/api/v1/detections`, { method: 'POST', headers, agent: false });
    first.on('error', () => undefined);
    first.write(PART);
    first.write(jpegOf(8, 8));
    await until(async () => (await readdir(join(gateway.dataDir, 'spool'))).length === 1);
    const second = await gateway.post('/api/v1/detections', formOf(Buffer.alloc(5 * MB)));
    expect([second.status, await second.json()]).toMatchObject([503, { code: 'overloaded' }]);
    first.destroy();
    await until(async () => (await gateway.post('/api/v1/detections', formOf(jpegOf(8, 8)))).status === 202);
  });
});

describe('on a full disk', () => {
  it('an upload is answered 503 and logged, and the gateway is not ready', async () => {
    const dataDir = await folder();
    const gateway = await spawned(dataDir, 2);
    const image = jpegOf(8, 8, { scan: Buffer.alloc(2 * MB, 7) });
    const form = { method: 'POST', body: formOf(image) };
    const response = await fetch(`${gateway.url}/api/v1/detections`, form);
    expect(Problem.parse(await response.json())).toMatchObject({ status: 503, code: 'store_unavailable' });
    expect(response.headers.get('retry-after')).not.toBeNull();
    await untilTurned(() => gateway.log.some(({ level, code }) => level === 'warn' && code === 'store_unavailable'));
    await until(async () => (await readdir(join(dataDir, 'spool'))).length === 0);
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503);
    const health = await (await fetch(`${gateway.url}/health`)).json();
    expect(health).toMatchObject({ parts: { store: { state: 'unavailable' } } });
  });
});

describe('after a kill', () => {
  it('what the dead process left goes at the next start, and uploads of a living neighbour stay', async () => {
    const dataDir = await folder();
    const spool = join(dataDir, 'spool');
    const neighbour = await started({ DATA_DIR: dataDir });
    const image = jpegOf(8, 8, { scan: Buffer.alloc(MB, 7) });
    const upload = startUpload(neighbour.url, image);
    await until(async () => (await readdir(spool)).length === 1);
    const [living] = await readdir(spool);
    const doomed = await spawned(dataDir);
    startUpload(doomed.url, image);
    await until(async () => (await readdir(spool)).length === 2);
    await doomed.kill();
    expect(await readdir(spool)).toHaveLength(2);
    await spawned(dataDir);
    expect(await readdir(spool)).toEqual([living]);
    upload.finish();
    await untilTurned(() => upload.status !== null);
    expect(upload.status).toBe(202);
  });
});
