import { cutText, redactText } from './redact-text.ts';

const MAX_FIELD_CHARS = 200;
const MAX_ITEMS = 20;
const NOT_SHOWN = '[not shown]';

/** Of a payload or a result the fields that its schema names, and nothing long. */
export function redactFields(value: unknown, knownFields: readonly string[]): unknown {
  if (value === null || value === undefined) return value;
  if (typeof value !== 'object' || Array.isArray(value)) return NOT_SHOWN;
  const shown = Object.entries(value)
    .filter(([name]) => knownFields.includes(name))
    .map(([name, field]): [string, unknown] => [name, redactField(field)]);
  const hidden = Object.keys(value).length - shown.length;
  return { ...Object.fromEntries(shown), ...(hidden === 0 ? {} : { '…': `${hidden} more, not shown` }) };
}

function redactField(field: unknown): unknown {
  if (typeof field === 'string') return cutText(redactText(field), MAX_FIELD_CHARS);
  if (typeof field === 'number' || typeof field === 'boolean' || field === null) return field;
  if (!Array.isArray(field)) return NOT_SHOWN;
  const items = field.slice(0, MAX_ITEMS).map((item) => (Array.isArray(item) ? NOT_SHOWN : redactField(item)));
  return field.length > MAX_ITEMS ? [...items, '…'] : items;
}

/** How far along a job is: a number, or nothing that is known. */
export function redactProgress(progress: unknown): unknown {
  return typeof progress === 'number' || typeof progress === 'boolean' ? progress : NOT_SHOWN;
}

/** Every text of an answer, such as reasons of failures and stack traces, wherever it stands. */
export function redactTexts<T>(answer: T): T;
export function redactTexts(answer: unknown): unknown {
  if (typeof answer === 'string') return redactText(answer);
  if (Array.isArray(answer)) return answer.map((item: unknown) => redactTexts(item));
  if (typeof answer !== 'object' || answer === null) return answer;
  return Object.fromEntries(Object.entries(answer).map(([name, value]) => [name, redactTexts(value as unknown)]));
}
