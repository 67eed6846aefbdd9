import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { floodUploads } from '../../../tools/hostile/upload-flood.ts';
import { spawnGateway } from './gateway-process.ts';

const MB = 1_000_000;
/** Together they are more than twice what they may cost; `npm run hostile` sends 50 of 20 MB. */
const UPLOAD_BYTES = 4 * MB;
const UPLOADS = 30;
const FEW = 5;
const FLAT_WITHIN_MB = 50;

const residentMb = (pid: number) =>
  (Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) * 1_024) / MB;

const hasProc = existsSync('/proc/self/status');
if (!hasProc) process.stderr.write('skipped: memory under parallel uploads, because there is no /proc\n');
(hasProc ? describe : describe.skip)('many uploads at once', () => {
  /** reliability.md U10. */
  it('30 of 4 MB cost the gateway no 50 MB more than 5', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'memory-'));
    const gateway = await spawnGateway(dataDir, null, { MAX_INFLIGHT_BYTES: String(2 * UPLOADS * UPLOAD_BYTES) });
    try {
      const peakOf = async (work: () => Promise<unknown>) => {
        let peakMb = residentMb(gateway.pid);
        const sampling = setInterval(() => (peakMb = Math.max(peakMb, residentMb(gateway.pid))), 20);
        await work();
        clearInterval(sampling);
        return peakMb;
      };
      const send = (count: number) => floodUploads(gateway.url, count, UPLOAD_BYTES);
      // As many bytes, but few at once: garbage that awaits its collection is in both peaks.
      const fewMb = await peakOf(async () => {
        for (let i = 0; i < UPLOADS / FEW; i++) await send(FEW);
      });
      let statuses: number[] = [];
      const manyMb = await peakOf(async () => {
        statuses = await send(UPLOADS);
      });
      expect(new Set(statuses)).toEqual(new Set([202]));
      expect(manyMb - fewMb).toBeLessThan(FLAT_WITHIN_MB);
    } finally {
      await gateway.kill();
      await rm(dataDir, { recursive: true });
    }
  });
});
