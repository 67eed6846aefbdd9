/** USD per million tokens; 0 counts tokens and calls only (llm-and-fusion.md A5). */
export type Prices = { inUsdPerMillion: number; outUsdPerMillion: number };

/** As the server bills them. */
export type Tokens = { in: number; out: number };

export const NO_TOKENS: Tokens = { in: 0, out: 0 };
export const addTokens = (a: Tokens, b: Tokens): Tokens => ({ in: a.in + b.in, out: a.out + b.out });

/**
 * Tokens that one picture of at most 1,024 px can cost: 1,024 patches of 32 px times the largest published multiplier,
 * 2.46, rounded up. A tile model takes 765.
 */
const PICTURE_TOKENS = 2_600;
/** What the schema, the roles and the padding of a request add to its text. */
const OVERHEAD_TOKENS = 1_000;
/** Fewer than any tokenizer makes of English text: the estimate must not be too low. */
const CHARS_PER_TOKEN = 2;

/** The most that a call can use, for the reservation before it. */
export function tokensAtMost(call: { textChars: number; pictures: number; maxOutputTokens: number }): Tokens {
  return {
    in: Math.ceil(call.textChars / CHARS_PER_TOKEN) + call.pictures * PICTURE_TOKENS + OVERHEAD_TOKENS,
    out: call.maxOutputTokens,
  };
}

export const isPriced = (prices: Prices) => prices.inUsdPerMillion + prices.outUsdPerMillion > 0;

/** In whole millionths of a USD, rounded up, so that counters stay exact and never show too little. */
export function microUsdOf(tokens: Tokens, prices: Prices): number {
  return Math.ceil(tokens.in * prices.inUsdPerMillion + tokens.out * prices.outUsdPerMillion);
}
