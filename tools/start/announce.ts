import { join } from 'node:path';
import type { ProcessReport } from './run-file.ts';
import type { FailedStart } from './supervised-process.ts';

/** What a person wants to know once everything runs. */
export function describeRunning(run: {
  publicUrl: string | undefined;
  opsUrl: string | undefined;
  processes: readonly ProcessReport[];
  redis: string;
  dataDir: string;
  logDir: string;
}): string {
  const rows: [string, string][] = [];
  if (run.publicUrl !== undefined) rows.push(['Page', `${run.publicUrl}/`], ['Health', `${run.publicUrl}/health`]);
  if (run.opsUrl !== undefined) {
    rows.push(['Operators', `${run.opsUrl}/  (user ops, password: cat ${join(run.dataDir, 'ops-password')})`]);
  }
  for (const { role, addresses } of run.processes) {
    if (addresses['metrics'] !== undefined) rows.push(['Metrics', `${addresses['metrics']}/metrics  (${role})`]);
  }
  rows.push(['Queue', run.redis], ['Data', run.dataDir], ['Logs', `${run.logDir}/<role>.log`]);
  const lines = rows.map(([name, value], i) => `  ${(rows[i - 1]?.[0] === name ? '' : name).padEnd(11)}${value}`);
  const first =
    run.publicUrl === undefined
      ? []
      : ['', 'Ask it about a photo:', '', `  curl -F image=@photo.jpg ${run.publicUrl}/api/v1/detect`];
  return ['', 'Touchstone is running.', '', ...lines, ...first, '', 'Stop it with Ctrl-C.', ''].join('\n');
}

/** Why a role that never came up did not, from the last lines it wrote, with what to do where that is known. */
export function describeFailedStart(
  failure: FailedStart,
  run: { publicPort: number; opsPort: number; logDir: string },
): string {
  const { role, reason, lastLines } = failure;
  const [, taken] = /EADDRINUSE\b.*?:(\d+)\s*$/m.exec(lastLines.join('\n')) ?? [];
  const setting = { [run.publicPort]: 'PORT', [run.opsPort]: 'OPS_PORT' }[Number(taken)] ?? 'METRICS_PORT';
  const advice =
    taken === undefined
      ? `More in ${run.logDir}/${role}.log`
      : `Port ${taken} is taken. Choose another one, for example: ${setting}=${Number(taken) + 80} npm start`;
  return ['', `${role} could not start (${reason}):`, ...lastLines.map((line) => `  | ${line}`), advice, ''].join('\n');
}

/** A taken port does not become free by trying again at once. */
export function isPortTaken(lastLines: readonly string[]): boolean {
  return lastLines.some((line) => line.includes('EADDRINUSE'));
}
