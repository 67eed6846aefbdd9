import { LlmPolicy, type DetectionOptions } from '@touchstone/shared/contracts/request-record';
import { Slot } from '@touchstone/shared/contracts/vocabulary';
import { EndpointId } from '@touchstone/shared/contracts/webhook';
import { InvalidFields, pointerTo, type FieldError } from './invalid-fields.ts';

const MAX_EXTERNAL_ID = 200;
const MAX_URL = 2_048;

/** What the client says of who is to hear of the verdict: at most one of them. */
export type CallbackWish = { url: string | null; endpoint: EndpointId | null };

/** From fields that `parseDetectionOptions` has accepted. */
export function callbackWishOf(fields: Record<string, unknown>): CallbackWish {
  const given = (name: string) => (typeof fields[name] === 'string' && fields[name] !== '' ? fields[name] : null);
  return { url: given('webhook_url'), endpoint: given('webhook_endpoint_id') };
}

/**
 * Options from the text fields of the form, defaults filled in. Without a choice the client asks for what the deployment
 * has. `deployed` is in the order of the vocabulary; `defaultPolicy` says when the LLM is asked.
 */
export function parseDetectionOptions(
  fields: Record<string, unknown>,
  deployed: Slot[],
  defaultPolicy: LlmPolicy = 'always',
): DetectionOptions {
  const errors: FieldError[] = [];
  const given = new Map<string, string>();
  for (const [name, value] of Object.entries(fields)) {
    // A form sends its empty inputs as well.
    if (value === '') continue;
    if (typeof value !== 'string') errors.push({ pointer: pointerTo(name), detail: 'may be given once' });
    else if (!Object.hasOwn(READERS, name)) errors.push({ pointer: pointerTo(name), detail: unknownDetail(name) });
    else given.set(name, value);
  }
  const read = (name: keyof typeof READERS) => {
    const value = given.get(name);
    const problem = value === undefined ? null : READERS[name](value);
    if (problem !== null) errors.push({ pointer: pointerTo(name), detail: problem });
    return value;
  };
  const externalId = read('external_id');
  const detectors = read('detectors');
  const llm = read('llm');
  const operatingPoint = read('operating_point');
  const [url, endpoint] = [read('webhook_url'), read('webhook_endpoint_id')];
  if (url !== undefined && endpoint !== undefined) {
    errors.push({ pointer: '/webhook_url', detail: 'cannot go together with webhook_endpoint_id' });
  }
  if (errors.length > 0) throw new InvalidFields(errors);
  const asked = new Set<string>(detectors === undefined ? deployed : splitList(detectors));
  const hasLlm = deployed.includes('llm');
  // Who names the LLM among the detectors wants it, also where the default is to leave it out.
  const isNamed = detectors !== undefined && asked.has('llm');
  const policy =
    llm === undefined ? (isNamed && defaultPolicy === 'off' ? 'always' : defaultPolicy) : LlmPolicy.parse(llm);
  if (llm === 'always' || (llm === 'uncertain' && hasLlm)) asked.add('llm');
  if (policy === 'off') asked.delete('llm');
  const chosen = Slot.options.filter((slot) => asked.has(slot));
  if (chosen.length === 0) throw new InvalidFields([{ pointer: '/detectors', detail: 'leaves no detector to ask' }]);
  const options = { external_id: externalId ?? null, detectors: chosen, operating_point: operatingPoint ?? null };
  return hasLlm ? { ...options, llm: asked.has('llm') ? policy : 'off' } : options;
}

const splitList = (text: string) => text.split(',').map((part) => part.trim());
const unknownDetail = (name: string) => (name === 'image' ? 'must be a file' : 'is not a field of this request');

/** What is wrong with the value of a field, or null. */
const READERS = {
  external_id: (value: string) =>
    value.length > MAX_EXTERNAL_ID || /\p{Cc}/u.test(value)
      ? `must be 1 to ${MAX_EXTERNAL_ID} characters, none of them a control character`
      : null,
  detectors: (value: string) =>
    splitList(value).every((part) => Slot.safeParse(part).success)
      ? null
      : `must be a comma-separated list of ${Slot.options.join(', ')}`,
  llm: (value: string) =>
    LlmPolicy.safeParse(value).success ? null : `must be one of ${LlmPolicy.options.join(', ')}`,
  webhook_url: (value: string) =>
    value.length <= MAX_URL && URL.canParse(value) ? null : `must be an absolute URL of at most ${MAX_URL} characters`,
  webhook_endpoint_id: (value: string) =>
    EndpointId.safeParse(value).success ? null : 'is not the id of a webhook endpoint',
  operating_point: (value: string) =>
    /^[a-z0-9_]{1,64}$/.test(value) ? null : 'is not the name of an operating point',
};
