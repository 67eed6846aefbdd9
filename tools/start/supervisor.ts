import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { asError } from '@touchstone/shared/process/error-code';
import { endProcess, isRunning, markProcess } from '../process-mark.ts';
import { prepareRedis, type RedisServer } from '../redis/private-redis.ts';
import { describeFailedStart, describeRunning, isPortTaken } from './announce.ts';
import { toConsoleLine } from './console-line.ts';
import { launchService } from './launch-service.ts';
import { openLogFile, type LogFile } from './log-file.ts';
import { createNarrator, type Narrator } from './narrator.ts';
import { REDIS_ROLE, type Role } from './roles.ts';
import { openRunFile, type OpenRunFile, type RunFile } from './run-file.ts';
import { loadSettings } from './settings.ts';
import { stopInOrder } from './stop-in-order.ts';
import { whenAborted, type StopSignals } from './stop-signals.ts';
import {
  superviseProcess,
  type FailedStart,
  type ProcessEvents,
  type SupervisedProcess,
} from './supervised-process.ts';

/** Services of a killed run close by themselves once they notice; this is how long the next run lets them. */
const LEFTOVER_GRACE_MS = 10_000;

export type SupervisorOptions = {
  root: string;
  env: NodeJS.ProcessEnv;
  roles: readonly Role[];
  /** Where a Redis unpacked from the distribution is kept. */
  redisCacheDir: string;
  output: Writable;
  signals: StopSignals;
  stopLimitMs?: number;
};

/** Runs the whole system until a signal stops it. Returns the exit code: 0 after a stop, 1 when it could not start. */
export async function runSupervisor(options: SupervisorOptions): Promise<number> {
  const narrator = createNarrator(options.output);
  try {
    return await createSupervisor(options, narrator).run();
  } catch (error) {
    if (options.signals.first.aborted) return 0;
    narrator.show(asError(error).message);
    return 1;
  }
}

function createSupervisor({ root, env, roles, signals, ...options }: SupervisorOptions, narrator: Narrator) {
  const settings = loadSettings(env, root);
  const { dataDir } = settings;
  const logDir = join(dataDir, 'logs');
  const logs: LogFile[] = [];
  const services: { role: Role; process: SupervisedProcess }[] = [];
  let redisProcess: SupervisedProcess | undefined;
  let runFile: OpenRunFile | undefined;
  let redisUrl = settings.redisUrl ?? '';
  const startedAt = new Date().toISOString();
  const supervisor = markProcess(process.pid) ?? { pid: process.pid, born: '' };

  const describeRun = (): RunFile => {
    const all = [...(redisProcess === undefined ? [] : [redisProcess]), ...services.map((service) => service.process)];
    const processes = all.map((each) => each.report());
    const addresses = Object.assign({}, ...processes.map((report) => report.addresses)) as Record<string, string>;
    // Every process has one of its own.
    delete addresses['metrics'];
    return { version: 1, started_at: startedAt, supervisor, redis_url: redisUrl, addresses, processes };
  };
  const onChange = () => runFile?.write(describeRun());

  const watch = (role: string, slowStart = 'starting'): ProcessEvents => {
    const log = openLogFile(join(logDir, `${role}.log`));
    logs.push(log);
    return {
      onChange,
      onReady: (restarts) => narrator.say(`${role} is ready${restarts === 0 ? '' : ' again'}`),
      onSlowStart: (afterMs, limitMs) =>
        narrator.say(`${role} is still ${slowStart} after ${afterMs / 1_000} s; it has ${limitMs / 1_000} s`),
      onEnd: (how, delayMs) =>
        narrator.say(
          `${role} ended (${how}); starting it again${delayMs === 0 ? '' : ` in ${(delayMs / 1_000).toFixed(1)} s`}`,
        ),
      onLine(stream, line) {
        log.write(line);
        const shown = role === REDIS_ROLE ? null : toConsoleLine(stream, line);
        if (shown !== null) narrator.sayOnce(`${role}: ${shown}`);
      },
    };
  };

  return { run };

  async function run(): Promise<number> {
    const missing = roles.filter((role) => !existsSync(join(root, role.entry)));
    if (missing.length > 0) throw new Error(`There is no ${missing.map((role) => role.entry).join(', no ')}.`);
    mkdirSync(logDir, { recursive: true, mode: 0o700 });
    runFile = openRunFile(join(dataDir, 'run.json'), describeRun(), (problem) =>
      narrator.say(`run.json cannot be written (${problem}); everything goes on, but it no longer tells what runs`),
    );
    let server: RedisServer | undefined;
    try {
      narrator.say(`Touchstone is starting; its data is in ${dataDir}`);
      await endLeftovers(runFile);
      server = settings.redisUrl === undefined ? await openRedis() : undefined;
      redisUrl = server?.url ?? redisUrl;
      const failure = (await startRedis(server)) ?? (await startServices(redisUrl));
      if (failure !== null && failure !== 'stopped') {
        narrator.show(describeFailedStart(failure, { publicPort: settings.port, opsPort: settings.opsPort, logDir }));
        return 1;
      }
      if (failure === null) {
        narrator.show(
          describeRunning({
            publicUrl: describeRun().addresses['public'],
            opsUrl: describeRun().addresses['ops'],
            processes: describeRun().processes,
            redis: server === undefined ? 'the Redis of REDIS_URL' : `a private Redis (${server.source})`,
            dataDir,
            logDir,
          }),
        );
        await whenAborted(signals.first);
      }
      return 0;
    } finally {
      await stopAll();
      server?.release();
      runFile.close();
      for (const log of logs) log.close();
    }
  }

  async function endLeftovers({ previous }: OpenRunFile): Promise<void> {
    const marks = (previous?.processes ?? [])
      .filter(({ role }) => role !== REDIS_ROLE)
      .flatMap(({ pid, born }) => (pid === null || born === null ? [] : [{ pid, born }]))
      .filter(isRunning);
    if (marks.length === 0) return;
    narrator.say(`Ending what a killed run left behind (${marks.length} processes)`);
    await Promise.all(marks.map((mark) => endProcess(mark, LEFTOVER_GRACE_MS)));
  }

  async function openRedis(): Promise<RedisServer> {
    const server = await prepareRedis({
      cacheDir: options.redisCacheDir,
      dataDir: join(dataDir, 'redis'),
      say: narrator.say,
      signal: signals.first,
    });
    if (server.tookOver) narrator.say('Ended the Redis that a killed run left behind; its queue is kept');
    return server;
  }

  /** Null when it runs. */
  async function startRedis(server: RedisServer | undefined): Promise<FailedStart | 'stopped' | null> {
    if (server === undefined) return null;
    redisProcess = superviseProcess({
      role: REDIS_ROLE,
      launch() {
        const { child, ready } = server.launch('pipe');
        return { child, ready: ready.then(() => ({})) };
      },
      isHopeless: () => false,
      events: watch(REDIS_ROLE),
    });
    return await Promise.race([redisProcess.started, stopped()]);
  }

  async function startServices(url: string): Promise<FailedStart | 'stopped' | null> {
    for (const [index, role] of roles.entries()) {
      const process = superviseProcess({
        role: role.name,
        launch: (previous) => launchService(role, { root, env, settings, redisUrl: url, index }, previous),
        isHopeless: isPortTaken,
        events: watch(role.name, role.slowStart),
        readyLimitMs: role.readyLimitMs,
      });
      services.push({ role, process });
    }
    // The last one was not in the list yet when it was launched.
    onChange();
    const failure = new Promise<FailedStart>((resolve) => {
      for (const { process } of services) void process.started.then((failed) => failed !== null && resolve(failed));
    });
    const allReady = Promise.all(services.map(({ process }) => process.started)).then(() => null);
    return await Promise.race([failure, allReady, stopped()]);
  }

  async function stopAll(): Promise<void> {
    const why = signals.first.aborted
      ? ` (${String(signals.first.reason)}); Ctrl-C once more ends everything at once`
      : '';
    narrator.say(`Stopping${why}`);
    const stageNumbers = [...new Set(roles.map((role) => role.stopStage))].toSorted((a, b) => a - b);
    const stages = stageNumbers.map((stage) =>
      services.filter(({ role }) => role.stopStage === stage).map(({ process }) => process),
    );
    const orderly = await stopInOrder(
      [...stages, redisProcess === undefined ? [] : [redisProcess]],
      signals.second,
      options.stopLimitMs,
    );
    narrator.say(orderly ? 'Stopped' : 'Stopped by force');
  }

  function stopped(): Promise<'stopped'> {
    return whenAborted(signals.first).then(() => 'stopped');
  }
}
