import type { Family } from '../core/exposition.ts';
import { parseExposition } from '../core/exposition.ts';

const MAX_BYTES = 8 * 2 ** 20;

/** What a process exposes. Rejects when it takes longer than `limitMs`, says too much or something else. */
export async function scrapeMetrics(baseUrl: string, limitMs: number): Promise<Family[]> {
  const response = await fetch(`${baseUrl.replace(/\/$/, '')}/metrics`, {
    signal: AbortSignal.timeout(Math.max(1, Math.round(limitMs))),
    redirect: 'error',
  });
  if (!response.ok || response.body === null) throw new Error(`metrics answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error('metrics are too long');
    chunks.push(chunk);
  }
  return parseExposition(Buffer.concat(chunks).toString('utf8'));
}
