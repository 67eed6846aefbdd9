import { asError } from '@touchstone/shared/process/error-code';
import { fail, ok, skip, warn, type Finding } from './finding.ts';
import type { Check } from './run-checks.ts';

const DEFAULT_BASE_URL = 'https://api.openai.com/v1';

/** Asks the LLM's address for its models: free of charge, and it needs the key. */
export const createLlmCheck = (answerLimitMs = 5_000): Check => ({
  id: 'llm',
  timeoutMs: answerLimitMs + 2_000,
  async run({ env }, signal) {
    const key = env['OPENAI_API_KEY'];
    if (!key) return [skip('llm', 'OPENAI_API_KEY is not set: the slot llm reports unavailable')];
    const base = env['OPENAI_BASE_URL'] || DEFAULT_BASE_URL;
    if (!/^https?:\/\//.test(base) || !URL.canParse(base)) {
      return [fail('llm', 'OPENAI_BASE_URL is no http address', `Correct it; the default is ${DEFAULT_BASE_URL}`)];
    }
    // `fetch` would quote such a key in its error.
    if (!/^[\x21-\x7e]+$/.test(key)) {
      return [fail('llm', 'OPENAI_API_KEY holds characters that no key has', 'Copy it again, without line ends.')];
    }
    return [await askModels({ base, key, answerLimitMs, signal })];
  },
});

async function askModels(options: {
  base: string;
  key: string;
  answerLimitMs: number;
  signal: AbortSignal;
}): Promise<Finding> {
  const { base, key, answerLimitMs, signal } = options;
  const address = new URL(`${base.replace(/\/+$/, '')}/models`);
  const { host } = address;
  // `fetch` refuses an address with a password in it.
  address.username = address.password = '';
  const startMs = performance.now();
  const limit = AbortSignal.timeout(answerLimitMs);
  try {
    const response = await fetch(address, {
      headers: { authorization: `Bearer ${key}` },
      // A key goes to the host that it was given for and nowhere else.
      redirect: 'manual',
      signal: AbortSignal.any([signal, limit]),
    });
    await response.body?.cancel();
    return judgeAnswer(response.status, host, Math.round(performance.now() - startMs));
  } catch (error) {
    const { name, cause } = asError(error);
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    const reason = limit.aborted ? `no answer within ${answerLimitMs / 1_000} s` : (code ?? name);
    return fail(
      'llm',
      `${host} cannot be reached (${reason})`,
      'Check OPENAI_BASE_URL, DNS and the firewall; without OPENAI_API_KEY the slot llm is off.',
      { host, reason },
    );
  }
}

export function judgeAnswer(status: number, host: string, answerMs: number): Finding {
  const facts = { host, status, answer_ms: answerMs };
  if (status >= 200 && status < 300) return ok('llm', `${host} takes the key (${answerMs} ms)`, facts);
  if (status === 401 || status === 403) {
    return fail(
      'llm',
      `${host} refuses the key (${status})`,
      'Set OPENAI_API_KEY to a valid key for this host.',
      facts,
    );
  }
  if (status === 404 || status === 405) {
    const advice = 'Check the path of OPENAI_BASE_URL (it ends in /v1 as a rule); some servers list no models.';
    return warn('llm', `${host} answers, but lists no models (${status})`, advice, facts);
  }
  const advice = 'It answers, but not now as it should: try again later, or look at the limits of the account.';
  return warn('llm', `${host} answers ${status}`, advice, facts);
}
