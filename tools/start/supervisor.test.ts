import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { markProcess } from '../process-mark.ts';
import { readRunFile, type ProcessReport, type RunFile } from './run-file.ts';
import type { Role } from './roles.ts';
import { runSupervisor } from './supervisor.ts';

/** Services of a few lines. Each notes what happens to it in `notes`, so that the order can be read. */
const FAKES = {
  steady: `
    process.on('SIGTERM', () => { note('stopped'); process.exit(0); });
    setInterval(() => {}, 1_000);
    ready({ metrics: 'http://127.0.0.1:1' });`,
  door: `
    process.on('SIGTERM', () => setTimeout(() => { note('stopped'); process.exit(0); }, 100));
    const server = (await import('node:net')).createServer().listen(Number(process.env.PORT), '127.0.0.1', () =>
      ready({ public: 'http://127.0.0.1:' + server.address().port }));
    server.on('error', (error) => { process.stderr.write('could not start: ' + error.message + '\\n'); process.exit(1); });`,
  broken: `note('tried'); process.stderr.write('could not start: no model\\n'); process.exit(1);`,
  fleeting: `ready({}); setTimeout(() => process.exit(1), 20);`,
  mute: `setInterval(() => {}, 1_000);`,
  plain: `note('telemetry ' + process.env.ORT_DISABLE_TELEMETRY); setInterval(() => {}, 1_000); ready({});`,
  deaf: `process.on('SIGTERM', () => note('asked')); setInterval(() => {}, 1_000); ready({});`,
  talkative: `
    console.log(JSON.stringify({ level: 'info', msg: 'quiet' }));
    for (let i = 0; i < 3; i += 1) console.log(JSON.stringify({ level: 'warn', msg: 'loud' }));
    process.on('SIGTERM', () => process.exit(0));
    setInterval(() => {}, 1_000);
    ready({});`,
};
type Fake = keyof typeof FAKES;

const PRELUDE = `
  import { appendFileSync } from 'node:fs';
  const role = process.argv[1].split('/').at(-1).replace('.mjs', '');
  const note = (what) => appendFileSync(process.env.DATA_DIR + '/notes', role + ' ' + what + '\\n');
  const ready = (addresses) => process.send({ type: 'ready', addresses });
  process.on('disconnect', () => process.exit(0));
`;

describe('the supervisor', () => {
  let root: string;
  let runs: { first: AbortController; second: AbortController; exitCode: Promise<number> }[];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'supervisor-'));
    runs = [];
    for (const [name, body] of Object.entries(FAKES)) await writeFile(join(root, `${name}.mjs`), PRELUDE + body);
  });
  afterEach(async () => {
    for (const { first, second } of runs) {
      first.abort();
      second.abort();
    }
    await Promise.all(runs.map(({ exitCode }) => exitCode));
    await rm(root, { recursive: true });
  });

  const start = (
    fakes: Partial<Record<Fake, number>>,
    env: NodeJS.ProcessEnv = {},
    { stopLimitMs = 30_000, ...role }: Partial<Role> & { stopLimitMs?: number } = {},
  ) => {
    const first = new AbortController();
    const second = new AbortController();
    const output = new PassThrough();
    let said = '';
    output.on('data', (data) => (said += String(data)));
    const exitCode = runSupervisor({
      root,
      env: { PATH: process.env['PATH'], PORT: '0', DATA_DIR: 'data', REDIS_URL: process.env['TEST_REDIS_URL'], ...env },
      roles: Object.entries(fakes).map(([name, stopStage]) => ({ name, entry: `${name}.mjs`, stopStage, ...role })),
      redisCacheDir: join(import.meta.dirname, '../../.tools/redis'),
      output,
      signals: { first: first.signal, second: second.signal, close: () => undefined },
      stopLimitMs,
    });
    runs.push({ first, second, exitCode });
    return { stop: () => first.abort('SIGTERM'), stopNow: () => second.abort(), exitCode, said: () => said };
  };
  const runFile = () => readRunFile(join(root, 'data/run.json'));
  const notes = async () => (await readFile(join(root, 'data/notes'), 'utf8')).trim().split('\n');
  const until = async <T>(find: () => T | null | undefined | false): Promise<T> => {
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; await delay(5)) {
      const found = find();
      if (found !== null && found !== undefined && found !== false) return found;
    }
    throw new Error('not so within 10 s');
  };
  const allReady = () =>
    until(() => {
      const run = runFile();
      return run !== null && run.processes.length > 0 && run.processes.every(isReady) && run;
    });
  const isReady = ({ state }: ProcessReport) => state === 'ready';
  const reportOf = (run: RunFile | null, role: string) => run?.processes.find((each) => each.role === role);

  it('starts Redis and every role, says where they are, and stops in order with exit code 0', async () => {
    const system = start({ steady: 2, door: 1 }, { REDIS_URL: '' });
    const run = await allReady();
    expect(run.processes.map(({ role }) => role)).toEqual(['redis', 'steady', 'door']);
    expect(run.redis_url).toMatch(/^unix:/);
    expect(run.addresses).toEqual({ public: expect.stringMatching(/^http:\/\/127.0.0.1:\d+$/) });
    await until(() => system.said().includes(`${run.addresses['public']}/api/v1/detect`));
    system.stop();
    expect(await system.exitCode).toBe(0);
    expect(system.said()).toContain('Stopping (SIGTERM)');
    expect(await notes()).toEqual(['door stopped', 'steady stopped']);
    expect(runFile()).toBeNull();
    for (const { pid } of run.processes) expect(markProcess(pid!)).toBeNull();
  });

  it('starts a killed role again without a wait at the public port it had', async () => {
    const system = start({ door: 1 });
    const before = await allReady();
    for (const restarts of [1, 2]) {
      process.kill(reportOf(await allReady(), 'door')!.pid!, 'SIGKILL');
      await until(() => reportOf(runFile(), 'door')?.restarts === restarts);
      expect((await allReady()).addresses).toEqual(before.addresses);
    }
    // A wait would be named: 'starting it again in 0.1 s'.
    const announced = system.said().match(/door ended .*$/gm);
    expect(announced).toEqual(Array(2).fill('door ended (signal SIGKILL); starting it again'));
  });

  it('starts a killed Redis again at the same address', async () => {
    start({ steady: 1 }, { REDIS_URL: '' });
    const before = await allReady();
    process.kill(reportOf(before, 'redis')!.pid!, 'SIGKILL');
    await until(() => reportOf(runFile(), 'redis')?.restarts === 1);
    const after = await allReady();
    expect(after.redis_url).toBe(before.redis_url);
    expect(reportOf(after, 'steady')?.restarts).toBe(0);
  });

  it('goes on starting a role that keeps dying after it was ready, with longer and longer waits', async () => {
    const system = start({ fleeting: 1 });
    await until(() => system.said().includes('starting it again in 0.4 s'));
    expect(reportOf(runFile(), 'fleeting')!.restarts).toBe(5);
  });

  it('gives up when a role dies three times before it was ever ready, and shows its last words', async () => {
    const system = start({ steady: 2, broken: 1 });
    expect(await system.exitCode).toBe(1);
    expect((await notes()).filter((line) => line === 'broken tried')).toHaveLength(3);
    expect(system.said()).toMatch(/broken could not start \(exit code 1\):\n {2}\| could not start: no model/);
    expect(await notes()).toContain('steady stopped');
    expect(runFile()).toBeNull();
  });

  it('lives on with all it runs when run.json cannot be written', async () => {
    const system = start({ door: 1 }, { REDIS_URL: '' });
    const before = await allReady();
    const draft = join(root, `data/run.json.${process.pid}`);
    const owner = join(root, 'data/redis/owner.json');
    await mkdir(draft);
    await rm(owner);
    await mkdir(owner);
    process.kill(reportOf(before, 'door')!.pid!, 'SIGKILL');
    process.kill(reportOf(before, 'redis')!.pid!, 'SIGKILL');
    await until(() => system.said().includes('door is ready again'));
    await until(() => /redis ended \(signal SIGKILL\); starting it again in 0\.2 s/.test(system.said()));
    expect(system.said().match(/run\.json cannot be written/g)).toHaveLength(1);
    await rm(owner, { recursive: true });
    await rm(draft, { recursive: true });
    await until(() => system.said().includes('redis is ready again'));
    expect((await allReady()).addresses).toEqual(before.addresses);
  });

  it('ends a role that is not ready within the time it is given', async () => {
    const system = start({ mute: 1 }, {}, { readyLimitMs: 300 });
    expect(await system.exitCode).toBe(1);
    expect(system.said()).toContain('not ready after 0.3 s');
  });

  it.each([
    [{}, '1'],
    [{ ORT_DISABLE_TELEMETRY: '0' }, '0'],
  ])('turns the telemetry of onnxruntime off unless told otherwise: %j', async (env, expected) => {
    start({ plain: 1 }, env);
    await allReady();
    expect(await notes()).toEqual([`plain telemetry ${expected}`]);
  });

  it('names a taken port at the first try', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const system = start({ door: 1 }, { PORT: String(port) });
    expect(await system.exitCode).toBe(1);
    expect(system.said()).toContain(`Port ${port} is taken. Choose another one, for example: PORT=`);
    other.close();
  });

  it('kills a role that does not end in time, and still exits with 0', async () => {
    const system = start({ deaf: 1, steady: 2 }, {}, { stopLimitMs: 2_000 });
    const run = await allReady();
    system.stop();
    expect(await system.exitCode).toBe(0);
    expect(await notes()).toEqual(['deaf asked', 'steady stopped']);
    expect(markProcess(reportOf(run, 'deaf')!.pid!)).toBeNull();
  });

  it('ends everything at once when it is told again', async () => {
    const system = start({ deaf: 1, steady: 2 });
    await allReady();
    system.stop();
    await until(() => system.said().includes('Stopping'));
    system.stopNow();
    expect(await system.exitCode).toBe(0);
    expect(system.said()).toContain('Stopped by force');
  });

  it('keeps all lines in the log of the role and shows a repeated warning once', async () => {
    const system = start({ talkative: 1 });
    await allReady();
    await until(() => system.said().includes('talkative: warn: loud'));
    system.stop();
    await system.exitCode;
    expect(system.said().match(/warn: loud/g)).toHaveLength(1);
    expect(system.said()).not.toContain('quiet');
    const log = await readFile(join(root, 'data/logs/talkative.log'), 'utf8');
    expect(log.trim().split('\n')).toHaveLength(4);
  });

  it('refuses a role that is not there, and a bad setting, before it touches anything', async () => {
    const missing = start({ steady: 1, nobody: 1 } as Record<string, number>);
    expect(await missing.exitCode).toBe(1);
    expect(missing.said()).toContain('There is no nobody.mjs');
    const bad = start({ steady: 1 }, { PORT: 'eight' });
    expect(await bad.exitCode).toBe(1);
    expect(bad.said()).toContain('PORT');
    expect(runFile()).toBeNull();
  });

  it('stops while it is still starting', async () => {
    const system = start({ steady: 1 }, { REDIS_URL: '' });
    await until(() => runFile() !== null);
    system.stop();
    expect(await system.exitCode).toBe(0);
    expect(runFile()).toBeNull();
  });
});
