import { request, type Dispatcher } from 'undici';
import type { GuardedDispatcher } from './guarded-dispatcher.ts';
import { checkGuardedUrl } from './guarded-url.ts';
import { asError } from '../process/error-code.ts';
import { classifyOutboundError, OutboundError, type OutboundFailure } from './outbound-failure.ts';

/** reliability.md section 4 W5: 15 s in all, at most 64 KB of the answer is read. */
const DEADLINE_MS = 15_000;
const MAX_ANSWER_BYTES = 65_536;
/** What a delivery log keeps of an answer; W9. */
const MAX_START_BYTES = 1_024;
const MAX_HEADER_LENGTH = 2_048;

type Outcome = {
  /** Null when no answer arrived. */
  status: number | null;
  /** `http_5xx` comes with a status. Null is no success: a 404 has none either. */
  failure: OutboundFailure | null;
  /** The header as it came. */
  retryAfter: string | null;
  elapsedMs: number;
};
/** `bodyStart`: the first KB of the answer as text. */
export type PostOutcome = Outcome & { bodyStart: string };
/** `body` is whole or, with a failure, empty. A redirect is an answer like any other; `location` is never followed. */
export type GetOutcome = Outcome & { body: Uint8Array; location: string | null };

export type GuardedPost = { body: Uint8Array; headers: Record<string, string>; deadlineMs?: number };
export type GuardedGet = { headers?: Record<string, string>; deadlineMs?: number; maxBytes?: number };

/**
 * Sends exactly these bytes. The status line decides: once it has arrived, an answer that is too long, breaks off or
 * dribbles past the deadline is cut, not a failure, because the receiver has taken the message. Rejects only on misuse.
 */
export async function guardedPost(outbound: GuardedDispatcher, url: string, post: GuardedPost): Promise<PostOutcome> {
  const { answer, failure, elapsedMs } = await exchange(outbound, url, {
    method: 'POST',
    headers: post.headers,
    body: post.body,
    deadlineMs: post.deadlineMs ?? DEADLINE_MS,
    maxBytes: MAX_ANSWER_BYTES,
  });
  const bodyStart = answer === null ? '' : textWithin(answer.bytes, MAX_START_BYTES);
  return { ...outcomeOf(failure, answer), bodyStart, elapsedMs };
}

/** Fetches one body whole: one that breaks off, is late or exceeds `maxBytes` is a failure. Rejects only on misuse. */
export async function guardedGet(outbound: GuardedDispatcher, url: string, get: GuardedGet = {}): Promise<GetOutcome> {
  const { answer, failure, elapsedMs } = await exchange(outbound, url, {
    method: 'GET',
    headers: get.headers ?? {},
    body: null,
    deadlineMs: get.deadlineMs ?? DEADLINE_MS,
    maxBytes: get.maxBytes ?? MAX_ANSWER_BYTES,
  });
  const outcome = outcomeOf(failure ?? answer?.cutBy ?? null, answer);
  const body = answer === null || outcome.failure !== null ? new Uint8Array() : answer.bytes;
  return { ...outcome, body, location: answer?.location ?? null, elapsedMs };
}

type Exchange = {
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body: Uint8Array | null;
  deadlineMs: number;
  maxBytes: number;
};
type Answer = {
  status: number;
  retryAfter: string | null;
  location: string | null;
  bytes: Uint8Array;
  /** Why `bytes` is not the whole body. */
  cutBy: OutboundFailure | null;
};
type Exchanged = { answer: Answer | null; failure: OutboundFailure | null; elapsedMs: number };

async function exchange(outbound: GuardedDispatcher, text: string, plan: Exchange): Promise<Exchanged> {
  const startedMs = performance.now();
  const end = (failure: OutboundFailure | null, answer: Answer | null): Exchanged => {
    return { answer, failure, elapsedMs: Math.round(performance.now() - startedMs) };
  };
  const checked = checkGuardedUrl(text, outbound.rules);
  if (!checked.ok) return end(checked.problem === 'address' ? 'blocked_ip' : 'blocked_url', null);

  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(new OutboundError('timeout', 'out of time')), plan.deadlineMs);
  try {
    const response = await request(checked.url, {
      dispatcher: outbound.dispatcher,
      method: plan.method,
      headers: { 'user-agent': 'Touchstone', ...plan.headers },
      body: plan.body,
      signal: deadline.signal,
    });
    return end(null, {
      status: response.statusCode,
      retryAfter: headerOf(response, 'retry-after'),
      location: headerOf(response, 'location'),
      ...(await readWithin(response.body, plan.maxBytes)),
    });
  } catch (error) {
    return end(failureOf(error), null);
  } finally {
    clearTimeout(timer);
  }
}

function outcomeOf(failure: OutboundFailure | null, answer: Answer | null): Omit<Outcome, 'elapsedMs'> {
  if (answer === null) return { status: null, failure, retryAfter: null };
  const { status, retryAfter } = answer;
  return { status, failure: status >= 500 ? 'http_5xx' : failure, retryAfter };
}

function failureOf(error: unknown): OutboundFailure {
  const failure = classifyOutboundError(error);
  if (failure === null) throw asError(error);
  return failure;
}

/** Reads until the body ends or would exceed `maxBytes`; leaving the loop early destroys the socket. */
async function readWithin(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Pick<Answer, 'bytes' | 'cutBy'>> {
  const chunks: Uint8Array[] = [];
  let room = maxBytes;
  const end = (cutBy: OutboundFailure | null) => ({ bytes: Buffer.concat(chunks), cutBy });
  try {
    for await (const chunk of body) {
      chunks.push(chunk.subarray(0, room));
      if (chunk.length > room) return end('too_large');
      room -= chunk.length;
    }
    return end(null);
  } catch (error) {
    return end(failureOf(error));
  }
}

function headerOf(response: Dispatcher.ResponseData, name: string): string | null {
  const given = response.headers[name];
  const value = Array.isArray(given) ? given[0] : given;
  return value === undefined || value.length > MAX_HEADER_LENGTH ? null : value;
}

/** As text of at most `maxBytes` in UTF-8, ending on a whole character: replacement characters take three bytes each. */
function textWithin(bytes: Uint8Array, maxBytes: number): string {
  const text = new TextDecoder().decode(bytes.subarray(0, maxBytes), { stream: bytes.length > maxBytes });
  return text.slice(0, new TextEncoder().encodeInto(text, new Uint8Array(maxBytes)).read);
}
