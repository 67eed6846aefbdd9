import { once } from 'node:events';
import { createServer } from 'node:net';
import { hasErrorCode } from '@touchstone/shared/process/error-code';
import { ROLES } from '../start/roles.ts';
import type { DoctorContext } from './doctor-context.ts';
import { fail, ok, type Finding } from './finding.ts';
import type { Check } from './run-checks.ts';

/** A port that `npm start` is going to listen on; host undefined means all interfaces. */
type WantedPort = { variable: string; port: number; host: string | undefined };

export const checkPorts: Check = {
  id: 'ports',
  timeoutMs: 5_000,
  async run(context) {
    const ours = portsOfRun(context);
    const findings: Finding[] = [];
    // One after the other: they must not take each other's ports.
    for (const wanted of wantedPorts(context)) findings.push(await tryPort(wanted, ours));
    return findings;
  },
};

function wantedPorts({ settings, env }: DoctorContext): WantedPort[] {
  const { port, opsPort, metricsPort } = settings;
  const metrics = metricsPort === 0 ? [] : ROLES.map((_, index) => metricsPort + index);
  return [
    { variable: 'PORT', port, host: env['HOST'] || undefined },
    { variable: 'OPS_PORT', port: opsPort, host: env['OPS_HOST'] || '127.0.0.1' },
    ...metrics.map((each) => ({ variable: 'METRICS_PORT', port: each, host: env['METRICS_HOST'] || '127.0.0.1' })),
  ];
}

/** What the running system listens on. */
function portsOfRun({ run }: DoctorContext): Set<number> {
  if (run.kind !== 'running') return new Set();
  const all = [run.run.addresses, ...run.run.processes.map(({ addresses }) => addresses)];
  const addresses = all.flatMap((each) => Object.values(each)).filter((address) => URL.canParse(address));
  return new Set(addresses.map((address) => Number(new URL(address).port)));
}

async function tryPort({ variable, port, host }: WantedPort, ours: ReadonlySet<number>): Promise<Finding> {
  const id = variable.toLowerCase().replaceAll('_', '-');
  const facts = { variable, port };
  if (port === 0) return ok(id, `${variable} 0: a free one is taken`, facts);
  if (ours.has(port)) return ok(id, `${variable} ${port} is held by the running system`, facts);
  const server = createServer();
  try {
    server.listen({ port, host });
    await once(server, 'listening');
    return ok(id, `${variable} ${port} is free`, facts);
  } catch (error) {
    return describeTaken(id, { variable, port, host }, error);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

function describeTaken(id: string, { variable, port, host }: WantedPort, error: unknown): Finding {
  const facts = { variable, port };
  const other = port <= 65_000 ? port + 80 : port - 80;
  if (hasErrorCode(error, 'EADDRINUSE')) {
    const advice = `Stop what listens there, or choose another one: ${variable}=${other} npm start`;
    return fail(id, `${variable} ${port} is taken by another program`, advice, facts);
  }
  if (hasErrorCode(error, 'EACCES')) {
    const advice = `Choose one above 1023 and put a proxy in front: ${variable}=8080 npm start`;
    return fail(id, `${variable} ${port} is not for this user`, advice, facts);
  }
  const hostVariable = variable.replace('PORT', 'HOST');
  const where = host === undefined ? '' : ` on ${host}`;
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  return fail(id, `${variable} ${port}${where} cannot be listened on (${code})`, `Change ${hostVariable}.`, facts);
}
