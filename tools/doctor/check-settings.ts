import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { asError } from '@touchstone/shared/process/error-code';
import { ROLES } from '../start/roles.ts';
import { loadSettings } from '../start/settings.ts';
import { fail, ok, warn, type Finding } from './finding.ts';
import type { Check } from './run-checks.ts';

/** Asks `npm start` and every service whether they would take the settings. */
export const checkSettings: Check = {
  id: 'settings',
  timeoutMs: 10_000,
  async run({ root, env }) {
    // `npm start` gives every service the address of a Redis.
    const serviceEnv = { ...env, REDIS_URL: env['REDIS_URL'] || 'unix:///private' };
    const configs = new Map<string, Record<string, unknown>>();
    const refusals: Refusal[] = refusalsOf('npm start', () => loadSettings(env, root));
    const readers = ['npm start'];
    const asked = new Set<string>();
    for (const { name, entry } of ROLES) {
      const path = join(root, dirname(entry), 'config.ts');
      // Two processes of one service would complain twice of the same.
      const loadConfig = asked.has(path) ? null : await findLoadConfig(path);
      if (loadConfig === null) continue;
      asked.add(path);
      readers.push(name);
      refusals.push(...refusalsOf(name, () => configs.set(name, loadConfig(serviceEnv))));
    }
    if (refusals.length > 0) return describeRefusals(refusals);
    return [
      ok('settings', `${readers.join(', ')} take the settings`, { readers }),
      ...unfilledSlots(configs.get('api-gateway')?.['detectors'], configs.get('gpu-worker')?.['slots']),
    ];
  },
};

type LoadConfig = (env: NodeJS.ProcessEnv) => Record<string, unknown>;

/** By address, because a tool has no business in a service but for asking this. Null where there is none to ask. */
async function findLoadConfig(path: string): Promise<LoadConfig | null> {
  if (!existsSync(path)) return null;
  const exported = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  const [, load] = Object.entries(exported).find(([name]) => /^load\w*Config$/.test(name)) ?? [];
  return typeof load === 'function' ? (load as LoadConfig) : null;
}

/** A complaint of one reader about one variable; the variable is null when it is about something else. */
export type Refusal = { reader: string; variable: string | null; problem: string };

function refusalsOf(reader: string, load: () => unknown): Refusal[] {
  try {
    load();
    return [];
  } catch (error) {
    return parseRefusals(reader, asError(error).message);
  }
}

/** Reads what `parseEnvironment` throws: a line for each bad variable. */
export function parseRefusals(reader: string, message: string): Refusal[] {
  const named = [...message.matchAll(/^ {2}([A-Z][A-Z0-9_]*)[.\d]*: (.*)$/gm)];
  if (named.length === 0) return [{ reader, variable: null, problem: message.split('\n')[0]! }];
  return named.map(([, variable, problem]) => ({ reader, variable: variable!, problem: problem! }));
}

/** One finding for each variable, however many readers complain. */
export function describeRefusals(refusals: readonly Refusal[]): Finding[] {
  const byText = Map.groupBy(refusals, ({ variable, problem }) => `${variable ?? 'settings'}: ${problem}`);
  return [...byText].map(([text, same]) => {
    const variable = same[0]!.variable;
    const readers = same.map(({ reader }) => reader);
    const advice =
      variable === null
        ? 'Look at what it says; README.md, section Settings, lists every variable.'
        : `Correct ${variable}, or unset it for its default (README.md, section Settings).`;
    return fail('settings', `${text} (${readers.join(', ')})`, advice, { variable, readers });
  });
}

/** A detector that the gateway gives work and no worker of these settings takes it from. */
function unfilledSlots(asked: unknown, filled: unknown): Finding[] {
  if (!Array.isArray(asked) || !Array.isArray(filled)) return [];
  const missing = asked.filter((slot) => !filled.includes(slot));
  if (missing.length === 0) return [];
  return [
    warn(
      'settings',
      `DETECTORS asks for ${missing.join(', ')}, which WORKER_SLOTS leaves out`,
      'Let both name the same detectors, unless another worker takes these jobs: detections wait for them.',
      { detectors: asked, worker_slots: filled },
    ),
  ];
}
