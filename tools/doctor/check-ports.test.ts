import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { ROLES } from '../start/roles.ts';
import type { DoctorContext } from './doctor-context.ts';
import { checkPorts } from './check-ports.ts';
import { contextOf, runAlone } from './test-context.ts';

describe('the ports', () => {
  let taken: Server;
  let port: number;
  beforeEach(async () => {
    taken = createServer().listen(0);
    await once(taken, 'listening');
    ({ port } = taken.address() as { port: number });
  });
  afterEach(async () => {
    if (taken.listening) await new Promise((resolve) => taken.close(resolve));
  });

  it('that are taken fail, each with the variable to change', async () => {
    const findings = await runAlone(checkPorts, contextOf({ PORT: String(port), OPS_PORT: String(port) }));
    expect(findings).toMatchObject({
      port: {
        state: 'fail',
        what: `PORT ${port} is taken by another program`,
        advice: expect.stringMatching(/ PORT=\d+ npm start/),
      },
      'ops-port': { state: 'fail', advice: expect.stringMatching(/ OPS_PORT=\d+ npm start/) },
    });
  });

  it('are free when nobody listens, and stay so', async () => {
    await new Promise((resolve) => taken.close(resolve));
    const context = contextOf({ PORT: String(port), OPS_PORT: '0' });
    for (let i = 0; i < 2; i++) {
      expect(await runAlone(checkPorts, context)).toMatchObject({ port: { state: 'ok' }, 'ops-port': { state: 'ok' } });
    }
  });

  it('that our own running system holds are fine', async () => {
    const context: DoctorContext = {
      ...contextOf({ PORT: String(port), OPS_PORT: '0' }),
      run: {
        kind: 'running',
        run: {
          version: 1,
          started_at: '2026-01-01T00:00:00.000Z',
          supervisor: { pid: process.pid, born: '' },
          redis_url: '',
          addresses: { public: `http://localhost:${port}` },
          processes: [],
        },
      },
    };
    expect(await runAlone(checkPorts, context)).toMatchObject({
      port: { state: 'ok', what: `PORT ${port} is held by the running system` },
    });
  });

  it('of every process are looked at when METRICS_PORT is a number', async () => {
    const context = contextOf({ PORT: '0', OPS_PORT: '0', METRICS_PORT: String(port) });
    const findings = await checkPorts.run(context, new AbortController().signal);
    expect(findings.map(({ facts }) => facts['port'])).toEqual([0, 0, ...ROLES.map((_, index) => port + index)]);
    expect(findings[2]).toMatchObject({ id: 'metrics-port', state: 'fail' });
  });

  it('fail at an address that this machine does not have', async () => {
    // TEST-NET-1 of RFC 5737: nobody has it.
    const findings = await runAlone(checkPorts, contextOf({ PORT: String(port), HOST: '192.0.2.1', OPS_PORT: '0' }));
    expect(findings).toMatchObject({ port: { state: 'fail', advice: 'Change HOST.' } });
  });
});
