import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { runGateway, until, type RunningGateway } from './running-gateway.ts';

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await runGateway();
});
afterAll(() => gateway.close());

describe('the page', () => {
  it('is served with a policy that names its own script and style, and nothing else', async () => {
    const response = await gateway.get('/');
    const html = await response.text();
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = response.headers.get('content-security-policy')!;
    for (const element of ['script', 'style']) {
      for (const [, text] of html.matchAll(new RegExp(`<${element}[^>]*>([\\s\\S]*?)</${element}>`, 'g'))) {
        const digest = createHash('sha256').update(text!).digest('base64');
        expect(policy).toMatch(new RegExp(`${element}-src [^;]*'sha256-${digest.replaceAll(/[+/]/g, '\\$&')}'`));
      }
    }
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*/);
    const again = await gateway.get('/', { 'if-none-match': response.headers.get('etag')! });
    expect(again.status).toBe(304);
  });

  it('has an icon', async () => {
    const response = await gateway.get('/favicon.ico');
    expect(response.headers.get('content-type')).toBe('image/svg+xml; charset=utf-8');
    expect(await response.text()).toMatch(/^<svg /);
  });
});

it('sends the security headers with every answer, and none that tell or allow more', async () => {
  for (const path of ['/health', '/api/v1/detections', '/nothing']) {
    const { headers } = await gateway.get(path);
    const kept = [...headers].filter(
      ([name]) => !/^(date|content-|x-request-id|cache-control|connection|keep-alive)/.test(name),
    );
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(Object.fromEntries(kept)).toEqual({
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
  }
});

it('counts requests by route and status on the port for operators alone', async () => {
  const metrics = async () => (await fetch(`${gateway.metricsUrl}/metrics`)).text();
  await gateway.get('/api/v1/detections/det_1');
  const isCounted = /touchstone_http_requests_total\{[^}]*route="\/api\/v1\/detections\/:id",status="404"[^}]*\} 1/;
  await until(async () => isCounted.test(await metrics()));
  expect(await metrics()).toMatch(/touchstone_http_request_seconds_bucket\{/);
  expect((await gateway.get('/metrics')).status).toBe(404);
});
