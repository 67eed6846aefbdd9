import type { z } from 'zod';
import { InvalidFields, pointerTo, type FieldError } from './invalid-fields.ts';

/** What a JSON body says; throws the refusal, which names every field at fault. */
export function parseBody<S extends z.ZodType>(value: unknown, schema: S): z.infer<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InvalidFields(parsed.error.issues.flatMap(fieldErrorsOf));
}

function fieldErrorsOf(issue: z.core.$ZodIssue): FieldError[] {
  const pointer = issue.path.map((part) => pointerTo(String(part))).join('');
  // The message would repeat the client's words.
  if (issue.code !== 'unrecognized_keys') return [{ pointer, detail: issue.message }];
  return issue.keys.map((key) => ({ pointer: pointer + pointerTo(key), detail: 'is not a field of this request' }));
}
