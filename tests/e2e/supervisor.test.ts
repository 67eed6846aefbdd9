import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import sharp from 'sharp';
import { Detection } from '@touchstone/shared/contracts/detection';
import { markProcess } from '../../tools/process-mark.ts';
import { spawnSupervisor, startSystem, type RunningSystem } from './support/running-system.ts';

const ROLES = ['redis', 'api-gateway', 'operators', 'gpu-worker', 'aggregator'];

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await delay(20)) if (await isSo()) return;
  throw new Error(`${what}: not within 20 s`);
}

async function detect(url: string): Promise<Detection> {
  const grey = sharp({ create: { width: 320, height: 320, channels: 3, background: '#888' } });
  const form = new FormData();
  form.set('image', new Blob([new Uint8Array(await grey.jpeg().toBuffer())], { type: 'image/jpeg' }), 'grey.jpg');
  const posted = await fetch(`${url}/api/v1/detections`, { method: 'POST', body: form });
  return await verdictOf(url, Detection.parse(await posted.json()).id);
}

async function verdictOf(url: string, id: string): Promise<Detection> {
  for (const deadline = AbortSignal.timeout(20_000); ;) {
    const answer = await fetch(`${url}/api/v1/detections/${id}`, { headers: { prefer: 'wait=10' }, signal: deadline });
    const detection = Detection.parse(await answer.json());
    if (detection.done) return detection;
  }
}

describe('npm start', () => {
  let dataDir: string;
  let system: RunningSystem;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'touchstone-e2e-'));
    system = await startSystem({ dataDir });
  }, 60_000);
  afterAll(async () => {
    await system?.stop();
    await rm(dataDir, { recursive: true, force: true });
  }, 60_000);

  it('tells where the door, the health page and the metrics of every process are', async () => {
    const { processes, addresses } = await system.runFile();
    expect(processes.map(({ role }) => role)).toEqual(ROLES);
    expect((await fetch(`${addresses['public']}/health`)).status).toBe(200);
    const logs = await system.logs();
    for (const each of processes.filter(({ role }) => role !== 'redis')) {
      expect((await fetch(`${each.addresses['metrics']}/metrics`)).status).toBe(200);
      expect(logs).toContain(`${each.addresses['metrics']}/metrics`);
    }
    expect(logs).toContain(`curl -F image=@photo.jpg ${system.url}/api/v1/detect`);
  });

  it.each(ROLES)(
    'starts a killed %s again, and photos are answered as before',
    async (role) => {
      const before = await system.pidOf(role);
      process.kill(before, 'SIGKILL');
      await until(`${role} is gone`, () => markProcess(before) === null);
      expect(await system.pidOf(role)).not.toBe(before);
      await until('all is well', async () => {
        const health = (await (await fetch(`${system.url}/health`)).json()) as { status: string };
        return health.status === 'ok';
      });
      expect(await detect(system.url)).toMatchObject({ status: 'completed' });
      const report = (await system.runFile()).processes.find((each) => each.role === role);
      expect(report).toMatchObject({ state: 'ready', restarts: 1 });
    },
    60_000,
  );

  it('refuses a second start on the same data and names the first one', async () => {
    const second = spawnSupervisor(dataDir);
    expect(await second.exited).toBe(1);
    expect(second.output()).toContain(
      `already runs on this data as process ${(await system.runFile()).supervisor.pid}`,
    );
    expect((await fetch(`${system.url}/livez`)).status).toBe(200);
  });

  it('runs beside a copy with other ports and other data, and leaves no process behind after SIGTERM', async () => {
    const copy = await startSystem();
    const { processes } = await copy.runFile();
    const [here, there] = await Promise.all([detect(system.url), detect(copy.url)]);
    expect((await fetch(`${copy.url}/api/v1/detections/${here.id}`)).status).toBe(404);
    expect((await fetch(`${copy.url}/api/v1/detections/${there.id}`)).status).toBe(200);
    expect(await copy.stop()).toBe(0);
    expect(processes.filter(({ pid }) => markProcess(pid!) !== null)).toEqual([]);
    expect(await detect(system.url)).toMatchObject({ status: 'completed' });
  }, 60_000);

  it('comes back with its earlier state after its supervisor was killed, and takes over what that left', async () => {
    const verdict = await detect(system.url);
    const { processes, supervisor } = await system.runFile();
    process.kill(supervisor.pid, 'SIGKILL');
    await until('the supervisor is gone', () => markProcess(supervisor.pid) === null);
    system = await startSystem({ dataDir });
    expect(processes.filter(({ pid }) => markProcess(pid!) !== null)).toEqual([]);
    expect(await verdictOf(system.url, verdict.id)).toEqual(verdict);
    expect(await system.stop()).toBe(0);
    expect(existsSync(join(dataDir, 'run.json'))).toBe(false);
  }, 60_000);
});
