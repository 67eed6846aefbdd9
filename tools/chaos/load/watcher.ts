import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Detection } from '@touchstone/shared/contracts/detection';
import type { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import type { View } from '../account.ts';
import type { Accepted } from './submitter.ts';

/** Looks at accepted questions again and again, as their clients would. */
export type Watcher = {
  views: ReadonlyMap<string, View[]>;
  /** Answers 404 to an accepted id. */
  notFound(): number;
  /** Looks at one now; null when nobody answered. */
  look(id: string): Promise<Detection | null>;
  stop(): Promise<void>;
};

const LOOK_EVERY_MS = 100;
const LOOK_LIMIT_MS = 20_000;
const SUMMARY_IN_WEBHOOK = 500;

/** What a verdict says, whichever way it is told. */
export const statementOf = (
  said: Pick<VerdictRecord, 'status' | 'verdict' | 'probability' | 'reasons'> & { summary: string | null },
  atMs: string | null,
): string =>
  JSON.stringify([
    said.status,
    said.verdict,
    said.probability,
    said.reasons,
    said.summary?.slice(0, SUMMARY_IN_WEBHOOK),
    atMs,
  ]);

export function watchAnswers(url: () => string, accepted: readonly Accepted[], random: () => number): Watcher {
  const views = new Map<string, View[]>();
  const stopped = new AbortController();
  let notFound = 0;

  const look = async (id: string): Promise<Detection | null> => {
    const answer = await fetch(`${url()}/api/v1/detections/${id}`, {
      signal: AbortSignal.timeout(LOOK_LIMIT_MS),
    }).catch(() => null);
    const text = (await answer?.text().catch(() => null)) ?? null;
    if (answer === null || text === null) return null;
    if (answer.status === 404) notFound++;
    if (answer.status !== 200) return null;
    const detection = Detection.parse(JSON.parse(text));
    if (detection.done) {
      const view: View = {
        way: 'answer',
        sha256: createHash('sha256').update(text).digest('hex'),
        statement: statementOf(detection as never, detection.completed_at),
      };
      views.set(id, [...(views.get(id) ?? []), view]);
    }
    return detection;
  };
  const watching = (async () => {
    while (!stopped.signal.aborted) {
      const one = accepted[Math.floor(random() * accepted.length)];
      if (one !== undefined) await look(one.id);
      await delay(LOOK_EVERY_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();
  return {
    views,
    notFound: () => notFound,
    look,
    async stop() {
      stopped.abort();
      await watching;
    },
  };
}
