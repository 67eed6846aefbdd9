import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { ReadyMessage } from '@touchstone/shared/process/run-service';
import type { Role } from './roles.ts';
import type { Settings } from './settings.ts';
import type { Launched } from './supervised-process.ts';

export type LaunchOptions = {
  /** Folder that entries are relative to, and the working folder of every service. */
  root: string;
  env: NodeJS.ProcessEnv;
  settings: Settings;
  redisUrl: string;
  /** Place of the role in the list: its share of the metrics ports. */
  index: number;
};

/**
 * V8 lets the young generation grow to three times 16 MiB in every process, mostly with garbage. With 2 MiB the roles
 * hold a quarter less after a thousand images (measured: docs/benchmarks.md). Children that decode images inherit it.
 */
const YOUNG_GENERATION = '--max-semi-space-size=2';

/** Starts a service from its sources, with an IPC channel over which it says that it is ready. */
export function launchService(role: Role, options: LaunchOptions, previous: Record<string, string>): Launched {
  const preload = new URL('./ignore-broken-pipe.ts', import.meta.url).href;
  const flags = ['--conditions=@touchstone/source', YOUNG_GENERATION, `--import=${preload}`];
  const child = spawn(process.execPath, [...flags, role.entry], {
    cwd: options.root,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      // onnxruntime-node would write below $HOME/.cache and ask for names of microsoft.com.
      ORT_DISABLE_TELEMETRY: '1',
      // Fewer arenas of the allocator fragment less.
      MALLOC_ARENA_MAX: '2',
      NODE_COMPILE_CACHE: join(options.root, '.tools/compile-cache'),
      ...options.env,
      ...serviceEnvironment(options, previous),
    },
    // A group of its own: Ctrl-C reaches the supervisor alone, which stops the services in order.
    detached: true,
  });
  const ready = new Promise<Record<string, string>>((resolve) => {
    child.on('message', (message) => {
      if (isReady(message)) resolve(message.addresses);
    });
  });
  return { child, ready };
}

/** A service that comes back keeps its public port, also one that was free by chance: clients know it by now. */
function serviceEnvironment(
  { settings, redisUrl, index }: LaunchOptions,
  previous: Record<string, string>,
): Record<string, string> {
  const portOf = (address: string | undefined, first: number) =>
    address === undefined ? String(first) : new URL(address).port;
  return {
    PORT: portOf(previous['public'], settings.port),
    OPS_PORT: portOf(previous['ops'], settings.opsPort),
    METRICS_PORT: String(settings.metricsPort === 0 ? 0 : settings.metricsPort + index),
    DATA_DIR: settings.dataDir,
    REDIS_URL: redisUrl,
  };
}

function isReady(message: unknown): message is ReadyMessage {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready';
}
