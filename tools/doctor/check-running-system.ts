import { isRunning } from '../process-mark.ts';
import type { ProcessReport, RunFile } from '../start/run-file.ts';
import { fail, ok, skip, warn, type Finding } from './finding.ts';
import type { Check } from './run-checks.ts';

const ANSWER_LIMIT_MS = 2_000;

/** Every process that `run.json` names: does it live, and is it ready? */
export const checkRunningSystem: Check = {
  id: 'run',
  timeoutMs: ANSWER_LIMIT_MS + 3_000,
  async run({ run, settings: { dataDir } }, signal) {
    switch (run.kind) {
      case 'none':
        return [skip('run', `nothing runs on ${dataDir}`)];
      case 'unreadable':
        return [
          fail('run', `run.json cannot be read: ${run.reason}`, `Stop what runs there and remove ${dataDir}/run.json.`),
        ];
      case 'killed':
        return [describeKilled(run.run)];
      case 'running':
        return [
          describeRun(run.run),
          ...(await Promise.all(run.run.processes.map((process) => askProcess(process, signal)))),
        ];
    }
  },
};

function describeRun({ supervisor, started_at, addresses }: RunFile): Finding {
  const where = addresses['public'] === undefined ? '' : ` at ${addresses['public']}`;
  return ok('run', `Touchstone runs${where} since ${started_at} (process ${supervisor.pid})`, {
    supervisor_pid: supervisor.pid,
    started_at,
    addresses,
  });
}

function describeKilled({ supervisor, processes }: RunFile): Finding {
  const left = processes.filter(isAlive);
  const names = left.map(({ role, pid }) => `${role} (${pid})`).join(', ');
  return warn(
    'run',
    `its supervisor, process ${supervisor.pid}, was killed; ${left.length === 0 ? 'nothing is left of it' : `left: ${names}`}`,
    'The next `npm start` clears it away.',
    { supervisor_pid: supervisor.pid, left: left.map(({ role, pid }) => ({ role, pid })) },
  );
}

const isAlive = ({ pid, born }: ProcessReport) => pid !== null && born !== null && isRunning({ pid, born });

async function askProcess(process: ProcessReport, signal: AbortSignal): Promise<Finding> {
  const { role, pid, restarts } = process;
  const id = `run-${role}`;
  const facts = { role, pid, state: process.state, restarts };
  const log = `Look at DATA_DIR/logs/${role}.log.`;
  if (!isAlive(process)) return fail(id, `${role} is down (${process.state}, ${restarts} restarts)`, log, facts);
  const again = restarts === 0 ? '' : `, started again ${restarts === 1 ? 'once' : `${restarts} times`}`;
  const what = `${role} is process ${pid}${again}`;
  const address = process.addresses['metrics'];
  if (address === undefined) {
    // Redis answers for itself; a service that starts has no address yet.
    if (process.state === 'ready') return judgeRestarts(id, what, restarts, log, facts);
    return warn(id, `${what}, ${process.state}`, `It should be ready within seconds. ${log}`, facts);
  }
  const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
  try {
    const response = await fetch(`${address}/readyz`, { signal: AbortSignal.any([signal, limit]) });
    await response.body?.cancel();
    const answered = { ...facts, readyz_status: response.status };
    if (response.ok) return judgeRestarts(id, `${what}, ready`, restarts, log, answered);
    return fail(id, `${what}; /readyz answers ${response.status}`, `It lacks Redis or the store. ${log}`, answered);
  } catch {
    const reason = limit.aborted ? `no answer within ${ANSWER_LIMIT_MS / 1_000} s` : 'no connection';
    return fail(id, `${what}, but its /readyz gives ${reason}`, `It hangs or has just ended. ${log}`, facts);
  }
}

/** A role that keeps dying is ready in between. */
function judgeRestarts(id: string, what: string, restarts: number, log: string, facts: Finding['facts']): Finding {
  return restarts === 0 ? ok(id, what, facts) : warn(id, what, `Find out why it ended. ${log}`, facts);
}
