import { z } from 'zod';
import { JudgeAnswer } from '@touchstone/shared/contracts/judgement';

/** Keywords that strict structured output is documented to know; a server may refuse a schema for any other. */
const KEYWORDS = new Set([
  'type',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'enum',
  'anyOf',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
]);

/**
 * The JSON schema that is sent with every question. Strict mode wants every key required and no other allowed, which the
 * strict objects of the contract give; the order of properties is the order in which the model writes.
 */
export function answerSchema(): Record<string, unknown> {
  return keepKeywords(z.toJSONSchema(JudgeAnswer, { io: 'input' }));
}

function keepKeywords(schema: object): Record<string, unknown> {
  const entries = Object.entries(schema).filter(([key]) => KEYWORDS.has(key));
  return Object.fromEntries(
    entries.map(([key, value]) => {
      if (key === 'properties') {
        const properties = Object.entries(value as Record<string, object>);
        return [key, Object.fromEntries(properties.map(([name, inner]) => [name, keepKeywords(inner)]))];
      }
      if (key === 'anyOf') return [key, (value as object[]).map(keepKeywords)];
      return [key, key === 'items' ? keepKeywords(value as object) : value];
    }),
  );
}
