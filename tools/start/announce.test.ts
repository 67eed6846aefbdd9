import { describe, expect, it } from '@jest/globals';
import { describeFailedStart, describeRunning, isPortTaken } from './announce.ts';
import type { ProcessReport } from './run-file.ts';

const report = (role: string, metrics?: string): ProcessReport => ({
  role,
  pid: 1,
  born: '1',
  state: 'ready',
  restarts: 0,
  addresses: metrics === undefined ? {} : { metrics },
});

describe('what a running system says of itself', () => {
  const text = describeRunning({
    publicUrl: 'http://localhost:8123',
    opsUrl: 'http://127.0.0.1:8124',
    processes: [
      report('redis'),
      report('api-gateway', 'http://127.0.0.1:1'),
      report('aggregator', 'http://127.0.0.1:2'),
    ],
    redis: 'a private Redis',
    dataDir: '/data',
    logDir: '/data/logs',
  });

  it('gives a command to paste, with the real address', () => {
    expect(text).toContain('curl -F image=@photo.jpg http://localhost:8123/api/v1/detect\n');
  });

  it('names the page, health, the metrics of every process, the logs and how to stop', () => {
    expect(text).toMatch(/Page +http:\/\/localhost:8123\/\n/);
    expect(text).toMatch(/Operators +http:\/\/127.0.0.1:8124\/ .*\/data\/ops-password/);
    expect(text).toMatch(/Health +http:\/\/localhost:8123\/health\n/);
    expect(text).toMatch(/Metrics +http:\/\/127.0.0.1:1\/metrics +\(api-gateway\)\n +http:\/\/127.0.0.1:2\/metrics/);
    expect(text).toContain('/data/logs/<role>.log');
    expect(text).toContain('Ctrl-C');
  });
});

describe('what a failed start says', () => {
  const failure = (lastLines: string[]) => ({ role: 'api-gateway', reason: 'exit code 1', lastLines });
  const taken = 'could not start: listen EADDRINUSE: address already in use :::8000';

  it('names the port that is taken and how to choose another', () => {
    const text = describeFailedStart(failure([taken]), { publicPort: 8_000, opsPort: 8_001, logDir: '/data/logs' });
    expect(text).toContain('Port 8000 is taken. Choose another one, for example: PORT=8080 npm start');
    expect(isPortTaken([taken])).toBe(true);
  });

  it('names the other setting when it is a metrics port', () => {
    const text = describeFailedStart(failure([taken]), { publicPort: 80, opsPort: 81, logDir: '/data/logs' });
    expect(text).toContain('METRICS_PORT=8080');
  });

  it('quotes the last words and the log', () => {
    const text = describeFailedStart(failure(['could not start: no']), {
      publicPort: 80,
      opsPort: 81,
      logDir: '/data/logs',
    });
    expect(text).toContain('  | could not start: no\n');
    expect(text).toContain('/data/logs/api-gateway.log');
  });
});
