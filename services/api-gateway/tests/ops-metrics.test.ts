import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import type { Heartbeat } from '@touchstone/shared/contracts/heartbeat';
import { openHeartbeat } from '@touchstone/shared/queue/heartbeats';
import { parseExposition } from '../src/ops/core/exposition.ts';
import { runOps, type RunningOps } from './ops-running.ts';

describe('the merged metrics of a running system', () => {
  let ops: RunningOps;
  let open: { close(): Promise<void> | void }[];
  beforeEach(async () => {
    ops = await runOps();
    open = [];
  });
  afterEach(async () => {
    for (const each of open) await each.close();
    await ops.close();
  });

  /** A process that answers its `/metrics` like this; resolves with its address. */
  const serve = async (answer: RequestListener): Promise<string> => {
    const server: Server = createServer(answer).listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push({
      close() {
        server.closeAllConnections();
        server.close();
      },
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const exposing =
    (text: string): RequestListener =>
    (request, response) =>
      void response.writeHead(request.url === '/metrics' ? 200 : 404).end(text);
  const writeRunFile = (processes: object[]) =>
    writeFile(join(ops.dataDir, 'run.json'), JSON.stringify({ version: 1, processes }));
  const beat = async (more: Partial<Heartbeat>): Promise<void> => {
    const beat: Heartbeat = {
      role: 'gpu-worker',
      instance: `${hostname()}-77`,
      pid: 77,
      started_at: new Date().toISOString(),
      detectors: [],
      ...more,
    };
    open.push(openHeartbeat(ops.redis, ops.prefix, () => beat));
    // Answers on the same connection come in order, so the first beat is written then.
    await ops.redis.ping();
  };
  const valueOf = (text: string, name: string, ...labels: string[]): number | undefined => {
    const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    const found = lines.filter((line) => labels.every((label) => line.includes(label)));
    if (found.length > 1) throw new Error(`not one but ${found.join('\n')}`);
    return found[0] === undefined ? undefined : Number(found[0].split(' ').at(-1));
  };

  it('holds what every process exposes, each family once, and who is down', async () => {
    const metric = '# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total{service="SERVICE"} ';
    const gateway = await serve(exposing(`${metric.replace('SERVICE', 'api-gateway')}3\n`));
    const worker = await serve(exposing(`${metric.replace('SERVICE', 'gpu-worker')}4\n`));
    await writeRunFile([
      { role: 'redis', pid: 3, addresses: {} },
      { role: 'api-gateway', pid: 5, addresses: { public: 'http://x', metrics: gateway } },
      { role: 'aggregator', pid: null, addresses: {} },
      { role: 'llm-worker', pid: 9, addresses: { metrics: 'http://127.0.0.1:1' } },
    ]);
    await beat({
      metrics_url: worker,
      detectors: [
        { slot: 'sbi', state: 'ready', detail: null, bundle: null, provider: null, warm_ms: null },
        { slot: 'distildire', state: 'unavailable', detail: null, bundle: null, provider: null, warm_ms: null },
      ],
    });
    const { body, headers } = await ops.ask('GET', '/metrics');
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(valueOf(body, 'jobs_total', 'service="api-gateway"', `instance="${hostname()}-5"`)).toBe(3);
    expect(valueOf(body, 'jobs_total', 'service="gpu-worker"', `instance="${hostname()}-77"`)).toBe(4);
    const up = ['operators', 'api-gateway', 'gpu-worker', 'aggregator', 'llm-worker'].map((role) =>
      valueOf(body, 'touchstone_process_up', `role="${role}"`),
    );
    expect(up).toEqual([1, 1, 1, 0, 0]);
    expect(valueOf(body, 'touchstone_redis_up')).toBe(1);
    expect(valueOf(body, 'touchstone_detector_ready', 'slot="sbi"')).toBe(1);
    expect(valueOf(body, 'touchstone_detector_ready', 'slot="distildire"')).toBe(0);
    expect(valueOf(body, 'touchstone_data_free_bytes')).toBeGreaterThan(0);
    expect(valueOf(body, 'process_start_time_seconds', 'service="operators"')).toBeGreaterThan(0);
    const types = body.split('\n').filter((line) => line.startsWith('# TYPE '));
    expect(new Set(types).size).toBe(types.length);
    const samples = parseExposition(body).flatMap((family) => family.samples.map((line) => line.replace(/ \S+$/, '')));
    expect(new Set(samples).size).toBe(samples.length);
  });

  it('tell depth and oldest age by queue and state', async () => {
    const payload = { tenant: 'default', id: newDetectionId(Date.now()), revision: 1, slots: ['sbi' as const] };
    await ops.jobs.addFlow(payload, 10);
    const long = Date.now() - 3_600_000;
    await ops.redis.hset(`${ops.prefix}:detect-sbi:${payload.id}-r1-sbi`, 'timestamp', long);
    const { body } = await ops.ask('GET', '/metrics');
    const at = ['queue="detect-sbi"', 'state="prioritized"'];
    expect(valueOf(body, 'touchstone_queue_depth', ...at)).toBe(1);
    expect(valueOf(body, 'touchstone_queue_oldest_age_seconds', ...at)).toBeGreaterThanOrEqual(3_600);
    expect(valueOf(body, 'touchstone_queue_depth', 'queue="merge-verdict"', 'state="waiting-children"')).toBe(1);
    expect(valueOf(body, 'touchstone_queue_depth', 'queue="detect-sbi"', 'state="failed"')).toBe(0);
    expect(valueOf(body, 'touchstone_queue_oldest_age_seconds', 'queue="judge-image"', 'state="waiting"')).toBe(0);
  });

  it('are not spoilt by a process that hangs, lies or talks without end', async () => {
    const silent = await serve(() => undefined);
    const lying = await serve(exposing('<html>jobs_total 1</html>'));
    const endless = await serve((_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x_total 1\n'.repeat(10_000)));
      };
      response.on('drain', more);
      more();
    });
    const redirecting = await serve((_request, response) => response.writeHead(302, { location: '/livez' }).end());
    const sound = await serve(exposing('sound_total 1\n'));
    const urls = [silent, lying, endless, redirecting, sound];
    await writeRunFile(urls.map((metrics, i) => ({ role: `role-${i}`, pid: i + 1, addresses: { metrics } })));
    const startedMs = performance.now();
    const { status, body } = await ops.ask('GET', '/metrics');
    // The limit is 800 ms; a busy machine adds its own.
    expect(performance.now() - startedMs).toBeLessThan(4_000);
    expect(status).toBe(200);
    expect(urls.map((_url, i) => valueOf(body, 'touchstone_process_up', `role="role-${i}"`))).toEqual([0, 0, 0, 0, 1]);
    expect(valueOf(body, 'sound_total')).toBe(1);
    expect(body).not.toContain('html');
  });

  it('come within a second while Redis is away, without inventing a depth', async () => {
    const alone = await runOps({ REDIS_URL: 'redis://127.0.0.1:1' });
    open.push(alone);
    const startedMs = performance.now();
    const { status, body } = await alone.ask('GET', '/metrics');
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    expect(status).toBe(200);
    expect(valueOf(body, 'touchstone_redis_up')).toBe(0);
    expect(valueOf(body, 'touchstone_process_up', 'role="operators"')).toBe(1);
    expect(body).not.toMatch(/^touchstone_queue_depth\{/m);
  });

  it('survive a run file that is none', async () => {
    await writeFile(join(ops.dataDir, 'run.json'), '{"processes":[{"role":1}]}');
    expect((await ops.ask('GET', '/metrics')).status).toBe(200);
  });
});
