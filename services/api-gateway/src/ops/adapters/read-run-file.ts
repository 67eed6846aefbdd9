import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { LocalProcess } from '../core/metrics-targets.ts';

/** The part of the supervisor's `run.json` that is of use here. */
const RunFile = z.object({
  processes: z.array(
    z.object({
      role: z.string(),
      pid: z.number().int().nullable(),
      addresses: z.object({ metrics: z.url({ protocol: /^http$/ }).optional() }),
    }),
  ),
});

/** Roles that a supervisor runs beside our services. */
const FOREIGN_ROLES: ReadonlySet<string> = new Set(['redis']);

/** What a supervisor runs on this machine; nothing when there is none, as in a container. */
export async function readLocalProcesses(path: string): Promise<LocalProcess[]> {
  try {
    const { processes } = RunFile.parse(JSON.parse(await readFile(path, 'utf8')));
    return processes
      .filter(({ role }) => !FOREIGN_ROLES.has(role))
      .map(({ role, pid, addresses }) => ({ role, pid, metricsUrl: addresses.metrics ?? null }));
  } catch {
    // Absent, or of a release that wrote it differently: the heartbeats remain.
    return [];
  }
}
