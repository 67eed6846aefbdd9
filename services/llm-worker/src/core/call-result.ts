import type { JudgeAnswer } from '@touchstone/shared/contracts/judgement';
import type { Tokens } from './call-cost.ts';
import type { Manner } from './judge-prompt.ts';
import { parseAnswer } from './parse-answer.ts';
import type { RateRoom } from './rate-room.ts';

/** One question to the model. */
export type JudgeCall = {
  manner: Manner;
  /** JPEGs, the whole picture first. */
  pictures: Uint8Array[];
  maxOutputTokens: number;
};

/** Asks the model once. Never rejects: what can go wrong is a result. */
export type AskJudge = (call: JudgeCall, signal: AbortSignal) => Promise<CallResult>;

/** What a server gave back for a question that it worked on. */
export type Completion = {
  kind: 'completion';
  end: 'stop' | 'length' | 'refusal';
  text: string;
  /** Null when the server does not say. */
  tokens: Tokens | null;
  model: string;
  fingerprint: string | null;
  /** What the server still takes of us; null when it does not say. */
  room: RateRoom | null;
};

export type CallFailure =
  /** 429, with the time that the server asks for. */
  | { kind: 'rate_limited'; retryAfterMs: number | null }
  /** 429 `insufficient_quota`: no money, no matter how long one waits. */
  | { kind: 'quota_spent' }
  /** 401, 403, 404: the key or the model is wrong. */
  | { kind: 'not_allowed' }
  /** Another 4xx: the server does not take this question. */
  | { kind: 'rejected' }
  /** 408, 409, 5xx. */
  | { kind: 'server_error' }
  /** No usable HTTP exchange. `wasSent` is false when the server cannot have seen the question. */
  | { kind: 'unreachable'; wasSent: boolean }
  /** The deadline passed. */
  | { kind: 'timed_out' };

export type CallResult = Completion | CallFailure;

/** A result after its text was read. */
export type CallEvent =
  | CallFailure
  | { kind: 'judged'; answer: JudgeAnswer; model: string; fingerprint: string | null }
  /** The picture tells its viewer what to answer, says the model: then nothing else that it says counts. */
  | { kind: 'instructed' }
  | { kind: 'refused' }
  | { kind: 'truncated' }
  /** Prose, broken JSON, or JSON that does not fit the schema. */
  | { kind: 'unusable' };

export function readResult(result: CallResult): CallEvent {
  if (result.kind !== 'completion') return result;
  switch (result.end) {
    case 'refusal':
      return { kind: 'refused' };
    case 'length':
      return { kind: 'truncated' };
    case 'stop': {
      const answer = parseAnswer(result.text);
      if (answer === null) return { kind: 'unusable' };
      if (answer.contains_instructions) return { kind: 'instructed' };
      return { kind: 'judged', answer, model: result.model, fingerprint: result.fingerprint };
    }
  }
}

/** Whether a call may have been charged although its tokens are not known: then its reservation stands. */
export function mayHaveBeenBilled(result: CallResult): boolean {
  switch (result.kind) {
    case 'completion':
    case 'timed_out':
      return true;
    case 'unreachable':
      return result.wasSent;
    case 'rate_limited':
    case 'quota_spent':
    case 'not_allowed':
    case 'rejected':
    case 'server_error':
      return false;
  }
}
