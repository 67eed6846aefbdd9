import OpenAI, { APIConnectionError, APIError } from 'openai';
import type { ChatCompletion, ChatCompletionContentPart } from 'openai/resources/chat/completions';
import { answerSchema } from '../core/answer-schema.ts';
import type { AskJudge, CallFailure, Completion, JudgeCall } from '../core/call-result.ts';
import type { JudgePrompt } from '../core/judge-prompt.ts';
import { readRateRoom } from '../core/rate-room.ts';
import { parseRetryAfter } from '../core/retry-after.ts';

/** Failures before a connection stands: the server cannot have seen the question, let alone charged for it. */
const NOT_SENT = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/;

/**
 * Asks a model through any server that speaks chat completions. Retries and clocks are ours: those of the SDK would
 * sleep through a whole `Retry-After`, and its timeout does not bound a body (llm-and-fusion.md A4).
 */
export function createOpenAiJudge(options: {
  apiKey: string;
  baseUrl: string;
  model: string;
  prompt: JudgePrompt;
  timeoutMs: number;
}): AskJudge {
  const client = new OpenAI({
    apiKey: options.apiKey,
    baseURL: options.baseUrl,
    maxRetries: 0,
    timeout: options.timeoutMs,
    // Everything that this process does is configured by its own settings, not by variables that the SDK knows.
    organization: null,
    project: null,
    adminAPIKey: null,
    webhookSecret: null,
    logLevel: 'off',
    // A picture goes to the host that it was meant for and nowhere else.
    fetchOptions: { redirect: 'error' },
  });
  const schema = answerSchema();

  return async (call, signal) => {
    try {
      const asked = client.chat.completions.create(
        {
          model: options.model,
          messages: [
            { role: 'system', content: options.prompt.system },
            { role: 'user', content: contentOf(options.prompt, call) },
          ],
          response_format: { type: 'json_schema', json_schema: { name: 'judgement', strict: true, schema } },
          max_completion_tokens: call.maxOutputTokens,
        },
        { signal },
      );
      const { data, response } = await asked.withResponse();
      return readCompletion(data, response.headers, options.model);
    } catch (error) {
      return signal.aborted ? { kind: 'timed_out' } : readFailure(error, Date.now());
    }
  };
}

function contentOf(prompt: JudgePrompt, { manner, pictures }: JudgeCall): ChatCompletionContentPart[] {
  return [
    { type: 'text', text: prompt.asks[manner] },
    ...pictures.map((jpeg) => ({
      type: 'image_url' as const,
      image_url: { url: `data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}`, detail: 'high' as const },
    })),
  ];
}

/** Servers that only nearly speak the protocol leave out what the types promise: nothing here is taken for granted. */
function readCompletion(answer: Partial<ChatCompletion>, headers: Headers, askedModel: string): Completion {
  const choice = answer.choices?.[0];
  const refuses = choice?.finish_reason === 'content_filter' || Boolean(choice?.message?.refusal);
  const tokensIn = countOf(answer.usage?.prompt_tokens);
  const tokensOut = countOf(answer.usage?.completion_tokens);
  const tokens = tokensIn === null || tokensOut === null ? null : { in: tokensIn, out: tokensOut };
  return {
    kind: 'completion',
    end: refuses ? 'refusal' : choice?.finish_reason === 'length' ? 'length' : 'stop',
    text: textOf(choice?.message?.content) ?? '',
    tokens,
    model: textOf(answer.model) || askedModel,
    fingerprint: textOf(answer.system_fingerprint),
    room: readRateRoom(headers, tokens === null ? null : tokens.in + tokens.out),
  };
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : null);
const countOf = (value: unknown) => (Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : null);

function readFailure(error: unknown, nowMs: number): CallFailure {
  // Also a subclass of APIError, so it is asked for first: it has no status.
  if (error instanceof APIConnectionError) return { kind: 'unreachable', wasSent: !NOT_SENT.test(codeBehind(error)) };
  // The body of a 200 that is no JSON ends here.
  if (!(error instanceof APIError) || typeof error.status !== 'number') return { kind: 'unreachable', wasSent: true };
  const { status, headers } = error;
  if (status === 429 && (error.code === 'insufficient_quota' || error.type === 'insufficient_quota')) {
    return { kind: 'quota_spent' };
  }
  if (status === 429) return { kind: 'rate_limited', retryAfterMs: parseRetryAfter(headers as Headers, nowMs) };
  if (status === 401 || status === 403 || status === 404) return { kind: 'not_allowed' };
  return { kind: status >= 500 || status === 408 || status === 409 ? 'server_error' : 'rejected' };
}

/** The code of the innermost cause: `fetch` wraps what happened on the socket. */
function codeBehind(error: Error): string {
  let code = '';
  for (let at: unknown = error; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause) {
    if ('code' in at && typeof at.code === 'string') code = at.code;
  }
  return code;
}
