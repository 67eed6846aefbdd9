import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { DetectionId } from '@touchstone/shared/contracts/detection-id';

/** One question that has its 202. */
export type Accepted = { id: DetectionId; externalId: string; acceptedMs: number };

/** One attempt of a client, whatever came of it. `status` 0: no answer. */
export type Attempt = { status: number; tookMs: number; isReplay: boolean; hasRetryAfter: boolean };

export type Submission = {
  picture: Uint8Array<ArrayBuffer>;
  externalId: string;
  webhookUrl: string;
  idempotencyKey: string;
};

/** A client that does not give up before it has a 202, and repeats itself under one Idempotency-Key. */
export type Submitter = {
  submit(submission: Submission, signal: AbortSignal): Promise<Accepted | null>;
  attempts: Attempt[];
};

/** The gateway gives the store 30 s, and Redis 2 s on top. */
const ATTEMPT_LIMIT_MS = 40_000;
const AGAIN_AFTER_MS = 100;
/**
 * A gateway that died between the record of a key and the promise leaves the key in progress for 5 min (contract.md
 * section 1). Nothing was promised; a client in a hurry asks anew.
 */
const IN_PROGRESS_LIMIT_MS = 15_000;
/** The client's own faults: repeating cannot mend them. 409 means that the first attempt is still being accepted. */
const HOPELESS = (status: number) => status >= 400 && status < 500 && status !== 409 && status !== 429;

/** `url` is asked each time: it is not known before the gateway is up. */
export function createSubmitter(url: () => string): Submitter {
  const attempts: Attempt[] = [];
  return {
    attempts,
    async submit({ picture, externalId, webhookUrl, idempotencyKey }, signal) {
      let key = idempotencyKey;
      let inProgressSinceMs: number | null = null;
      while (!signal.aborted) {
        const form = new FormData();
        form.set('external_id', externalId);
        form.set('webhook_url', webhookUrl);
        form.set('image', new Blob([picture], { type: 'image/jpeg' }), `${externalId}.jpg`);
        const startMs = performance.now();
        const answer = await fetch(`${url()}/api/v1/detections`, {
          method: 'POST',
          headers: { 'idempotency-key': key },
          body: form,
          signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_LIMIT_MS)]),
        }).catch(() => null);
        const text = (await answer?.text().catch(() => null)) ?? null;
        const status = text === null ? 0 : (answer?.status ?? 0);
        attempts.push({
          status,
          tookMs: performance.now() - startMs,
          isReplay: answer?.headers.has('idempotency-replay') ?? false,
          hasRetryAfter: answer?.headers.has('retry-after') ?? false,
        });
        // A replay of a detection that has ended meanwhile is answered 200.
        if ((status === 202 || status === 200) && text !== null) {
          const { id } = JSON.parse(text) as { id: unknown };
          return { id: DetectionId.parse(id), externalId, acceptedMs: Date.now() };
        }
        if (HOPELESS(status)) throw new Error(`the gateway refuses: ${status} ${text?.slice(0, 300)}`);
        if (status !== 409) inProgressSinceMs = null;
        else if (performance.now() - (inProgressSinceMs ??= performance.now()) > IN_PROGRESS_LIMIT_MS) {
          key = randomUUID();
          inProgressSinceMs = null;
        }
        await delay(AGAIN_AFTER_MS, undefined, { signal }).catch(() => undefined);
      }
      return null;
    },
  };
}
