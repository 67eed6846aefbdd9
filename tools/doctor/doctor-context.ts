import { join } from 'node:path';
import { asError } from '@touchstone/shared/process/error-code';
import { isRunning } from '../process-mark.ts';
import { readRunFile, type RunFile } from '../start/run-file.ts';
import { loadSettings, type Settings } from '../start/settings.ts';

/** What `run.json` says about this DATA_DIR. */
type RunState =
  | { kind: 'none' }
  | { kind: 'running'; run: RunFile }
  /** Its supervisor was killed; services may have outlived it for some seconds. */
  | { kind: 'killed'; run: RunFile }
  | { kind: 'unreadable'; reason: string };

/** What every check may look at. */
export type DoctorContext = {
  /** The clone: working folder of the services. */
  root: string;
  env: NodeJS.ProcessEnv;
  /** As `npm start` would take them; a variable that it would refuse counts as not set. */
  settings: Settings;
  /** Variables of `npm start` that it would refuse. */
  refused: readonly string[];
  run: RunState;
  /** Where an unpacked Redis is kept. */
  redisCacheDir: string;
  /** Tells a waiting person what takes long; never on stdout. */
  say: (text: string) => void;
};

export function readContext(options: {
  root: string;
  env: NodeJS.ProcessEnv;
  say: (text: string) => void;
}): DoctorContext {
  const { root, env, say } = options;
  const refused = Object.keys(env).filter((name) => isRefused({ [name]: env[name] }, root));
  const usable = Object.fromEntries(Object.entries(env).filter(([name]) => !refused.includes(name)));
  const settings = loadSettings(usable, root);
  return {
    root,
    env,
    settings,
    refused,
    run: readRunState(join(settings.dataDir, 'run.json')),
    redisCacheDir: join(root, '.tools/redis'),
    say,
  };
}

function isRefused(env: NodeJS.ProcessEnv, root: string): boolean {
  try {
    loadSettings(env, root);
    return false;
  } catch {
    return true;
  }
}

function readRunState(path: string): RunState {
  try {
    const run = readRunFile(path);
    if (run === null) return { kind: 'none' };
    if (typeof run.supervisor?.pid !== 'number') return { kind: 'unreadable', reason: 'it names no supervisor' };
    return { kind: isRunning(run.supervisor) ? 'running' : 'killed', run };
  } catch (error) {
    const { message, name } = asError(error);
    // The parser quotes what it read, and the file may hold a password of Redis.
    return { kind: 'unreadable', reason: name === 'SyntaxError' ? 'it is not JSON' : message };
  }
}
