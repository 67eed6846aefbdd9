import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { Detection } from '@touchstone/shared/contracts/detection';
import { openPublicServer } from '../src/http/public-server.ts';
import { formOf, runGateway, talk, until, type RunningGateway } from './running-gateway.ts';
import { jpegOf, losslessFrame, pngOf, webpOf } from './tiny-images.ts';

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await runGateway({ MAX_QUEUE_WAIT_MS: '86400000' });
});
afterAll(() => gateway.close());

/** Numbers from 0 to 2^32 - 1, the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0);
}

/** reliability.md U1. */
it('200 files of other types are refused as such, and nothing of them is kept', async () => {
  const starts = [
    'GIF89a',
    'II*\0',
    '%PDF-1.7',
    '<svg ',
    'PK\x03\x04',
    '\0\0\0\x1cftypavif',
    '\0\0\0\x18ftypheic',
    'BM',
  ];
  const next = seeded(1);
  const before = await gateway.leftovers();
  for (let i = 0; i < 200; i++) {
    const noise = Buffer.from(Array.from({ length: 1 + (next() % 400) }, () => next() >>> 24));
    const start = Buffer.from(starts[i % (starts.length + 1)] ?? '', 'latin1');
    const file = Buffer.concat([start, noise]);
    // Noise that begins like one of ours would be one of ours.
    if (file[0] === 0xff) file[0] = 0;
    const response = await gateway.post('/api/v1/detections', formOf(file));
    expect([i, response.status]).toEqual([i, 415]);
    await response.body?.cancel();
  }
  await until(async () => (await gateway.leftovers()).length === before.length);
});

/** reliability.md U2; contract.md section 3 rules: the bytes decide, and another word for them is evidence. */
describe('a file is what its bytes are', () => {
  const files = {
    'image/jpeg': jpegOf(8, 8),
    'image/png': pngOf(8, 8),
    'image/webp': webpOf(losslessFrame(8, 8)),
    'image/gif': Buffer.from('GIF89a______________'),
  };
  const types = Object.keys(files) as (keyof typeof files)[];
  it.each(types.flatMap((declared) => types.map((actual) => [declared, actual] as const)))(
    'declared as %s, of %s',
    async (declared, actual) => {
      const form = new FormData();
      form.append('image', new Blob([new Uint8Array(files[actual])], { type: declared }), 'picture');
      const response = await gateway.post('/api/v1/detections', form);
      expect(response.status).toBe(actual === 'image/gif' ? 415 : 202);
      if (actual === 'image/gif') return;
      expect(Detection.parse(await response.json()).image.media_type).toBe(actual);
    },
  );
});

/** reliability.md U9. */
it('200,000 fields are refused, take no longer than a few files of their size, and nobody else waits', async () => {
  const part = (i: number) => `--x\r\nContent-Disposition: form-data; name="f${i}"\r\n\r\nv\r\n`;
  const fields = Array.from({ length: 200_000 }, (_, i) => part(i)).join('');
  const file = `--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n${'v'.repeat(fields.length)}\r\n`;
  const send = async (parts: string) => {
    const startMs = performance.now();
    const response = await fetch(`${gateway.url}/api/v1/detections`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
      body: `${parts}--x--\r\n`,
    });
    return { answer: [response.status, await response.text()], ms: performance.now() - startMs };
  };
  const refused = send(fields);
  const health = await fetch(`${gateway.url}/livez`);
  expect([health.status, await health.text()]).toEqual([200, 'ok\n']);
  const { answer, ms } = await refused;
  expect(answer).toEqual([400, expect.stringContaining('text fields')]);
  const one = await send(file);
  expect(one.answer[0]).toBe(415);
  expect(ms).toBeLessThan(20 * one.ms);
});

/** reliability.md U13. */
it.each(['../../etc/passwd', '/etc/passwd', 'a\\..\\b', 'x'.repeat(300), 'name\u202egpj.exe', '<b>.jpg'])(
  'the file name %s reaches neither a key nor an answer',
  async (name) => {
    const form = new FormData();
    form.append('image', new Blob([new Uint8Array(jpegOf(8, 8))]), name);
    const response = await gateway.post('/api/v1/detections', form);
    const text = await response.text();
    expect(response.status).toBe(202);
    const { id } = Detection.parse(JSON.parse(text));
    expect(text).not.toContain(name);
    const keys = (await gateway.store.list('', null, 1_000)).map(({ key }) => key);
    expect(keys).toContain(`uploads/default/${id}`);
    expect(keys.filter((key) => /passwd|exe|\.\./.test(key))).toEqual([]);
  },
);

/** reliability.md U12: what two servers in a row may read as one request and as two. */
describe('a request that hides another', () => {
  const hidden = 'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n';
  const chunked = `0\r\n\r\n${hidden}`;
  const post = (...lines: string[]) => ['POST /health HTTP/1.1', 'Host: a', ...lines].join('\r\n') + '\r\n\r\n';
  it.each([
    ['a length and chunks', post('Content-Length: 4', 'Transfer-Encoding: chunked') + chunked],
    ['chunks and a length', post('Transfer-Encoding: chunked', 'Content-Length: 4') + chunked],
    ['two lengths', post('Content-Length: 0', 'Content-Length: 34') + hidden],
    ['two lengths in one', post('Content-Length: 0, 34') + hidden],
    ['a length with a sign', post('Content-Length: +0') + hidden],
    ['a length in hexadecimal', post('Content-Length: 0x0') + hidden],
    ['a space before the colon', post('Content-Length : 0') + hidden],
    ['a folded coding', post('Transfer-Encoding:\r\n chunked') + chunked],
    ['a coding twice', post('Transfer-Encoding: chunked', 'Transfer-Encoding: identity') + chunked],
    ['a coding before chunked', post('Transfer-Encoding: identity, chunked') + chunked],
    ['a coding after chunked', post('Transfer-Encoding: chunked, identity') + chunked],
    ['an unknown coding', post('Transfer-Encoding: xchunked') + chunked],
    ['a coding behind a control character', post('Transfer-Encoding: \x0bchunked') + chunked],
    ['a bare line feed', 'POST /health HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n' + chunked],
    ['two hosts', `POST /health HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n${hidden}`],
    ['a bad chunk size', post('Transfer-Encoding: chunked') + `0x1\r\n\r\n${chunked}`],
    ['a zero byte in a header', post('X: \0', 'Content-Length: 0') + hidden],
  ])('by %s is refused, and the other is not answered', async (_name, text) => {
    // The connection ends with the refusal, or goes on to read what it takes for the rest: that must be no `ok`.
    const marker = 'GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    const answer = await talk(gateway.url, [text, marker]);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer).not.toContain('200 OK');
  });
});

/** reliability.md U11. */
it('300 connections that only drip are all closed, and others are answered meanwhile', async () => {
  const server = await openPublicServer((request, response) => void response.end('ok', () => request.resume()), {
    port: 0,
    host: '127.0.0.1',
    timeouts: { headersTimeout: 500, requestTimeout: 1_000, connectionsCheckingInterval: 50 },
  });
  const port = Number(new URL(server.url).port);
  let open = 0;
  const sockets = Array.from({ length: 300 }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      open++;
      socket.write('POST / HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    });
    socket.on('close', () => open--).on('error', () => undefined);
    return socket;
  });
  await until(() => new Promise((resolve) => setImmediate(() => resolve(open === 300))));
  const drip = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('x');
  }, 50);
  let slowestMs = 0;
  while (open > 0) {
    const startedMs = performance.now();
    expect(await (await fetch(server.url)).text()).toBe('ok');
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
  }
  clearInterval(drip);
  expect(slowestMs).toBeLessThan(1_000);
  await server.close();
});
