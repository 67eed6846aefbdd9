import { setTimeout as delay } from 'node:timers/promises';
import { Detection } from '@touchstone/shared/contracts/detection';
import { asError } from '@touchstone/shared/process/error-code';
import type { HostileFile } from './hostile-files.ts';

/** What became of one file. */
export type FileResult = {
  name: string;
  bytes: number;
  /** Status and code of a refusal, `accepted`, or `no answer`. */
  answer: string;
  answerMs: number;
  /** Verdict or `no verdict` of what was accepted, with the first reason of one that could not be given. */
  outcome: string | null;
  /** Of a file that could not be decoded, the time from acceptance to verdict: its preparation took no longer. */
  prepareMs: number | null;
};

export type Door = { url: string; apiKey: string | undefined };

/** The gateway itself has 60 s for a slow body and 55 s for a wait. */
const ANSWER_LIMIT_MS = 70_000;
const VERDICT_LIMIT_MS = 120_000;
const MAX_RETRIES = 20;

/** Posts every file and waits for its verdict; never rejects because of a file. */
export async function feedFiles(
  door: Door,
  files: Iterable<HostileFile>,
  concurrency: number,
  onResult: (result: FileResult) => void,
): Promise<void> {
  const iterator = files[Symbol.iterator]();
  const feed = async () => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next())
      onResult(await feedOne(door, next.value));
  };
  await Promise.all(Array.from({ length: concurrency }, feed));
}

async function feedOne(door: Door, { name, bytes }: HostileFile): Promise<FileResult> {
  const result: FileResult = {
    name,
    bytes: bytes.length,
    answer: 'no answer',
    answerMs: 0,
    outcome: null,
    prepareMs: null,
  };
  try {
    for (let tries = 0; ; tries++) {
      const form = new FormData();
      form.append('image', new Blob([new Uint8Array(bytes)]), 'hostile');
      const startedMs = performance.now();
      const response = await ask(door, '/api/v1/detections', { method: 'POST', body: form });
      const text = await response.text();
      result.answerMs = performance.now() - startedMs;
      const isBusy = response.status === 429 || response.status === 503;
      if (isBusy && tries < MAX_RETRIES) {
        await delay(1_000 * Number(response.headers.get('retry-after') ?? 1));
        continue;
      }
      if (response.status !== 202) {
        result.answer = `${response.status} ${codeOf(text)}`;
        return result;
      }
      result.answer = 'accepted';
      const detection = await verdictOf(door, Detection.parse(JSON.parse(text)).id);
      return { ...result, ...readOutcome(detection) };
    }
  } catch (error) {
    // What the gateway did not answer counts, not why.
    return { ...result, [result.answer === 'accepted' ? 'outcome' : 'answer']: `no answer (${asError(error).name})` };
  }
}

async function verdictOf(door: Door, id: string): Promise<Detection | null> {
  const endMs = performance.now() + VERDICT_LIMIT_MS;
  while (performance.now() < endMs) {
    const response = await ask(door, `/api/v1/detections/${id}`, { headers: { Prefer: 'wait=20' } });
    const detection = Detection.parse(await response.json());
    if (detection.done) return detection;
  }
  return null;
}

function readOutcome(detection: Detection | null): Pick<FileResult, 'outcome' | 'prepareMs'> {
  if (detection === null) return { outcome: 'no verdict', prepareMs: null };
  const { verdict, reasons, detectors, created_at, completed_at } = detection;
  const outcome = verdict === 'unable_to_evaluate' ? `${verdict}: ${reasons[0] ?? 'no reason'}` : String(verdict);
  const prepared = detectors.flatMap(({ timings_ms: timings }) => (timings === null ? [] : [timings.prepare]));
  const wholeMs = Date.parse(completed_at ?? created_at) - Date.parse(created_at);
  return { outcome, prepareMs: prepared.length > 0 ? Math.max(...prepared) : wholeMs };
}

function ask(door: Door, path: string, init: RequestInit): Promise<Response> {
  const key = door.apiKey === undefined ? {} : { Authorization: `Bearer ${door.apiKey}` };
  const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
  return fetch(door.url + path, { ...init, headers: { ...(init.headers as Record<string, string>), ...key }, signal });
}

function codeOf(text: string): string {
  try {
    return String((JSON.parse(text) as { code?: unknown }).code);
  } catch {
    return 'no problem document';
  }
}
