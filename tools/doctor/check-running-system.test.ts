import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { markProcess } from '../process-mark.ts';
import type { ProcessReport, RunFile } from '../start/run-file.ts';
import { checkRunningSystem } from './check-running-system.ts';
import { contextOf, runAlone } from './test-context.ts';

const alive = markProcess(process.pid)!;
/** A mark that no process has: this one was born at another time. */
const dead = { ...alive, born: 'long ago' };

describe('the running system', () => {
  let dataDir: string;
  let server: Server;
  let metrics: string;
  let status: number;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'doctor-run-'));
    status = 200;
    server = createServer((request, response) => {
      if (status !== 0) response.writeHead(request.url === '/readyz' ? status : 404).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    metrics = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(dataDir, { recursive: true });
  });

  const service = (changes: Partial<ProcessReport> = {}): ProcessReport => ({
    role: 'api-gateway',
    ...alive,
    state: 'ready',
    restarts: 0,
    addresses: { metrics },
    ...changes,
  });
  const check = async (run: Partial<RunFile>) => {
    const content: RunFile = {
      version: 1,
      started_at: '2026-01-01T00:00:00.000Z',
      supervisor: alive,
      redis_url: 'redis://:hidden-word@host',
      addresses: { public: 'http://localhost:8000' },
      processes: [],
      ...run,
    };
    await writeFile(join(dataDir, 'run.json'), JSON.stringify(content));
    const findings = await runAlone(checkRunningSystem, contextOf({ DATA_DIR: dataDir }));
    expect(JSON.stringify(findings)).not.toContain('hidden-word');
    return findings;
  };

  it('is told where it is, and every process is asked whether it is ready', async () => {
    const redis = service({ role: 'redis', addresses: {} });
    expect(await check({ processes: [service(), redis] })).toMatchObject({
      run: { state: 'ok', what: expect.stringContaining('http://localhost:8000') },
      'run-api-gateway': { state: 'ok', facts: { readyz_status: 200 } },
      'run-redis': { state: 'ok' },
    });
  });

  it('fails where a process is not ready, gone, or deaf', async () => {
    status = 503;
    expect(await check({ processes: [service()] })).toMatchObject({ 'run-api-gateway': { state: 'fail' } });
    expect(await check({ processes: [service({ ...dead })] })).toMatchObject({
      'run-api-gateway': { state: 'fail', what: expect.stringContaining('is down') },
    });
    expect(await check({ processes: [service({ pid: null, born: null, state: 'restarting' })] })).toMatchObject({
      'run-api-gateway': { state: 'fail' },
    });
    status = 0;
    expect(await check({ processes: [service()] })).toMatchObject({
      'run-api-gateway': { state: 'fail', what: expect.stringContaining('no answer within 2 s') },
    });
  });

  it('warns where a process was started again or is not up yet', async () => {
    expect(await check({ processes: [service({ restarts: 2 })] })).toMatchObject({
      'run-api-gateway': { state: 'warn', what: expect.stringContaining('started again 2 times') },
    });
    expect(await check({ processes: [service({ state: 'starting', addresses: {} })] })).toMatchObject({
      'run-api-gateway': { state: 'warn' },
    });
  });

  it('that was killed is a warning that names what it left', async () => {
    const processes = [service(), service({ role: 'aggregator', ...dead })];
    expect(await check({ supervisor: dead, processes })).toMatchObject({
      run: { state: 'warn', facts: { left: [{ role: 'api-gateway', pid: process.pid }] } },
    });
  });

  it('is skipped where nothing runs', async () => {
    expect(await runAlone(checkRunningSystem, contextOf({ DATA_DIR: dataDir }))).toMatchObject({
      run: { state: 'skip' },
    });
  });

  it('fails when run.json is none, without quoting it', async () => {
    await writeFile(join(dataDir, 'run.json'), 'hidden-word');
    const findings = await runAlone(checkRunningSystem, contextOf({ DATA_DIR: dataDir }));
    expect(findings).toMatchObject({ run: { state: 'fail', what: 'run.json cannot be read: it is not JSON' } });
    await writeFile(join(dataDir, 'run.json'), '{}');
    expect(await runAlone(checkRunningSystem, contextOf({ DATA_DIR: dataDir }))).toMatchObject({
      run: { state: 'fail' },
    });
  });
});
