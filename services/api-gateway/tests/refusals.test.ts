import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Problem } from '@touchstone/shared/contracts/failure';
import { formOf, runGateway, talk, until, type RunningGateway } from './running-gateway.ts';
import { jpegOf, losslessFrame, pngOf, webpOf } from './tiny-images.ts';

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await runGateway();
});
afterAll(() => gateway.close());
afterEach(async () => {
  // The answer may be faster than the end of the upload that it refuses.
  await until(async () => (await gateway.leftovers()).length === 0);
});

const PATHS = ['/api/v1/detections', '/api/v1/detect'];
const problemOf = async (response: Response) => {
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  const problem = Problem.parse(await response.json());
  expect(problem).toMatchObject({
    type: `urn:touchstone:problem:${problem.code}`,
    status: response.status,
    request_id: response.headers.get('x-request-id'),
  });
  return `${problem.status} ${problem.code}`;
};
const post = async (form: FormData) =>
  Promise.all(PATHS.map(async (path) => problemOf(await gateway.post(path, form))));
const both = (told: string) => PATHS.map(() => told);
const cut = (image: Buffer) => image.subarray(0, -6);

describe('an upload is refused', () => {
  it.each([
    ['GIF', Buffer.from('GIF89a______________'), '415 unsupported_media_type'],
    ['AVIF', Buffer.from('\0\0\0\x1cftypavif____'), '415 unsupported_media_type'],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), '415 unsupported_media_type'],
    ['PDF', Buffer.from('%PDF-1.7'), '415 unsupported_media_type'],
    ['empty file', Buffer.alloc(0), '400 malformed_request'],
    ['cut JPEG', cut(jpegOf(8, 8)), '422 truncated_image'],
    ['cut PNG', cut(pngOf(8, 8)), '422 truncated_image'],
    ['cut WebP', cut(webpOf(losslessFrame(8, 8))), '422 truncated_image'],
    ['JPEG of no height', jpegOf(8, 0), '422 undecodable_image'],
    ['PNG of 30,000 x 30,000', pngOf(30_000, 30_000, { depth: 1 }), '413 too_many_pixels'],
    ['WebP of 16,383 x 16,383', webpOf(losslessFrame(16_383, 16_383)), '413 too_many_pixels'],
  ])('as a %s', async (_name, image, told) => {
    expect(await post(formOf(image))).toEqual(both(told));
  });

  it('with two files', async () => {
    const form = formOf(jpegOf(8, 8));
    form.append('image', new Blob([new Uint8Array(jpegOf(8, 8))]), 'second');
    expect(await post(form)).toEqual(both('400 malformed_request'));
  });

  it('with the file in another field', async () => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(jpegOf(8, 8))]), 'picture');
    expect(await post(form)).toEqual(both('400 malformed_request'));
  });

  it.each([
    ['no file', formOf(null, { external_id: 'x' })],
    ['a text in the place of the file', formOf(null, { image: 'x' })],
    ['an unknown field', formOf(jpegOf(8, 8), { colour: 'red' })],
    ['a nested field', formOf(jpegOf(8, 8), { 'a[b]': 'c' })],
    ['a field that names a prototype', formOf(jpegOf(8, 8), { __proto__x: 'c', constructor: 'd' })],
    ['a long value', formOf(jpegOf(8, 8), { external_id: 'x'.repeat(5_000) })],
    ['a long name', formOf(jpegOf(8, 8), { ['x'.repeat(65)]: 'y' })],
    ['many fields', formOf(jpegOf(8, 8), Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`f${i}`, 'x'])))],
  ])('with %s', async (_name, form) => {
    expect(await post(form)).toEqual(both('400 malformed_request'));
  });

  it('with an operating point, which needs a calibration', async () => {
    const form = formOf(jpegOf(8, 8), { operating_point: 'fpr_1pct' });
    expect(await post(form)).toEqual(both('422 operating_point_unavailable'));
  });

  it('with fields at fault, which are named', async () => {
    const form = formOf(jpegOf(8, 8), { detectors: 'best', llm: 'yes' });
    const problem = Problem.parse(await (await gateway.post('/api/v1/detect', form)).json());
    expect(problem.errors?.map(({ pointer }) => pointer)).toEqual(['/detectors', '/llm']);
  });

  it.each([
    ['no body', undefined, {}, '400 malformed_request'],
    ['text', '{}', { 'content-type': 'text/plain' }, '415 unsupported_media_type'],
    ['bare bytes', 'x', { 'content-type': 'image/jpeg' }, '415 unsupported_media_type'],
    ['no boundary', 'x', { 'content-type': 'multipart/form-data' }, '400 malformed_request'],
    ['another multipart', 'x', { 'content-type': 'multipart/mixed; boundary=x' }, '415 unsupported_media_type'],
    ['half a form', '--x\r\n', { 'content-type': 'multipart/form-data; boundary=x' }, '400 malformed_request'],
    [
      'a coded body',
      'x',
      { 'content-type': 'multipart/form-data; boundary=x', 'content-encoding': 'gzip' },
      '415 unsupported_media_type',
    ],
  ])('with %s', async (_name, body, headers, told) => {
    for (const path of PATHS) {
      const init = { method: 'POST', headers: headers as Record<string, string> };
      const response = await fetch(gateway.url + path, body === undefined ? init : { ...init, body });
      expect(await problemOf(response)).toBe(told);
    }
  });
});

describe('a large upload', () => {
  const MIB = 1_048_576;

  it('of 25 MiB is received, and of a byte more refused', async () => {
    const other = await runGateway();
    const scan = Buffer.alloc(25 * MIB - jpegOf(8, 8, { scan: Buffer.alloc(0) }).length, 7);
    expect((await other.submit(jpegOf(8, 8, { scan }))).image.bytes).toBe(25 * MIB);
    await other.close();
    const form = formOf(jpegOf(8, 8, { scan: Buffer.concat([scan, Buffer.alloc(1)]) }));
    expect(await post(form)).toEqual(both('413 payload_too_large'));
  });

  it('of 26 MiB is refused before it is read, and the client sees why', async () => {
    const form = formOf(Buffer.alloc(26 * MIB, 0xff));
    expect(await post(form)).toEqual(both('413 payload_too_large'));
  });

  const head = (lines: string[]) =>
    `${['POST /api/v1/detections HTTP/1.1', 'Host: localhost', 'Content-Type: multipart/form-data; boundary=x', ...lines].join('\r\n')}\r\n\r\n`;

  it('of 26 MiB is not even sent by a client that asks first', async () => {
    const answer = await talk(gateway.url, [head([`Content-Length: ${27 * MIB}`, 'Expect: 100-continue'])], (text) =>
      text.includes('payload_too_large'),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('is asked for when a client asks first and may', async () => {
    const answer = await talk(gateway.url, [head(['Content-Length: 1000', 'Expect: 100-continue'])], (text) =>
      text.endsWith('\r\n\r\n'),
    );
    expect(answer).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  });

  it('of no declared length is refused when it grows too large', async () => {
    const part = 'Content-Disposition: form-data; name="image"; filename="a"\r\n\r\n';
    const piece = Buffer.alloc(MIB, 0xff);
    const chunk = [`${MIB.toString(16)}\r\n`, piece, '\r\n'];
    const start = `--x\r\n${part}`;
    const pieces = [
      head(['Transfer-Encoding: chunked']),
      `${start.length.toString(16)}\r\n${start}\r\n`,
      ...Array.from({ length: 27 }, () => chunk).flat(),
    ];
    const answer = await talk(gateway.url, pieces, (text) => text.includes('payload_too_large'));
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('that the client breaks off leaves nothing', async () => {
    const part = '--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n';
    const { length } = await talk(
      gateway.url,
      [head(['Content-Length: 5000000', 'Expect: 100-continue']), part, Buffer.alloc(100_000)],
      (text) => text.includes('100 Continue'),
    );
    expect(length).toBeGreaterThan(0);
    const metrics = async () => (await fetch(`${gateway.metricsUrl}/metrics`)).text();
    await until(async () => /status="gone"/.test(await metrics()));
    await until(async () => (await gateway.leftovers()).length === 0);
    expect(await metrics()).toMatch(/^touchstone_upload_bytes_in_flight\{[^}]*\} 0$/m);
  });

  it('is refused with a time to come back when too many bytes are underway', async () => {
    const small = await runGateway({ MAX_INFLIGHT_BYTES: '1000000' });
    const response = await small.post('/api/v1/detections', formOf(Buffer.alloc(1_000_000, 0xff)));
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
    expect(await small.leftovers()).toEqual([]);
    expect(await small.submit()).toMatchObject({ status: 'queued' });
    await small.close();
  });
});

describe('a request is refused', () => {
  it.each([
    ['GET', '/nothing', '404 not_found', null],
    ['GET', '/api/v1', '404 not_found', null],
    ['POST', '/metrics', '404 not_found', null],
    ['GET', '/api/v1/detect', '405 method_not_allowed', 'POST'],
    ['DELETE', '/api/v1/detections', '405 method_not_allowed', 'GET, HEAD, POST'],
    ['PUT', '/api/v1/detections/det_1', '405 method_not_allowed', 'DELETE, GET, HEAD'],
    ['OPTIONS', '/api/v1/detect', '405 method_not_allowed', 'POST'],
    ['POST', '/', '405 method_not_allowed', 'GET, HEAD'],
    ['POST', '/health', '405 method_not_allowed', 'GET, HEAD'],
    ['GET', '/api/v1/detections/%E0%A4%A', '400 malformed_request', null],
  ])('%s %s: %s', async (method, path, told, allowed) => {
    const response = await fetch(gateway.url + path, { method });
    expect(response.headers.get('allow')).toBe(allowed);
    expect(await problemOf(response)).toBe(told);
  });

  it.each([
    ['two hosts', 'GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['no host', 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n'],
    [
      'a doubtful transfer coding',
      'POST /api/v1/detect HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'a length beside a transfer coding',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['what is not HTTP', 'hello\r\n\r\n'],
  ])('with %s', async (_name, text) => {
    const answer = await talk(gateway.url, [text], (seen) => seen.includes('request_id'));
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('application/problem+json');
    expect(answer).toContain('"code":"malformed_request"');
  });

  const answerTo = async (text: string) => {
    const answer = await talk(gateway.url, [text], (seen) => seen.includes('request_id'));
    expect(answer).toContain('application/problem+json');
    const problem = Problem.parse(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)));
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${problem.status} `));
    return `${problem.status} ${problem.code}`;
  };

  it('with more headers than 8 KiB', async () => {
    const text = `GET /livez HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(9_000)}\r\n\r\n`;
    expect(await answerTo(text)).toBe('431 headers_too_large');
  });

  it.each(['http://[/api/v1/detections', 'http://a:99999/api/v1/detections', 'ftp://a/livez'])(
    'with the address %s',
    async (target) => {
      expect(await answerTo(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)).toBe('400 malformed_request');
    },
  );

  it('not with a whole address, which proxies send', async () => {
    const text = `GET ${gateway.url}/livez HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    expect(await talk(gateway.url, [text], (seen) => seen.endsWith('ok\n'))).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('with an expectation that nobody knows', async () => {
    const text = 'GET /livez HTTP/1.1\r\nHost: a\r\nExpect: foo\r\n\r\n';
    expect(await answerTo(text)).toBe('417 expectation_failed');
  });
});
