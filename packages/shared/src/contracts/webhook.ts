import { z } from 'zod';
import { DetectionId, newUuid7Hex, Revision, Tenant } from './detection-id.ts';
import { VerdictRecord } from './verdict-record.ts';

/** `whe_` + a UUIDv7 as 32 hex digits. */
export const EndpointId = z.string().regex(/^whe_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/, 'not an endpoint id');
export type EndpointId = z.infer<typeof EndpointId>;

export const newEndpointId = (nowMs: number): EndpointId => `whe_${newUuid7Hex(nowMs)}`;

/** What a receiver may be told. `detection.failed` covers everything that ended without an evaluation of ours. */
export const WebhookEvent = z.enum(['detection.completed', 'detection.failed']);
export type WebhookEvent = z.infer<typeof WebhookEvent>;

/** Events that concern an endpoint and not a detection. They are sent at once and are not retried. */
export const EndpointEvent = z.enum(['endpoint.verify', 'endpoint.test']);
export type EndpointEvent = z.infer<typeof EndpointEvent>;

/** Who hears of the verdict: a registered endpoint, or an address that was given with this one detection. */
export const Callback = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('endpoint'), endpoint: EndpointId }),
  z.object({ kind: z.literal('once'), url: z.url().max(2_048) }),
]);
export type Callback = z.infer<typeof Callback>;

/** Why an endpoint gets nothing: its owner switched it off, it answered 410, or it failed for five days on end. */
export const DisabledReason = z.enum(['by_request', 'gone', 'failing']);

/**
 * `endpoints/{tenant}/{whe}/{6-digit version}.json`: a mutable record as a chain of create-only versions. The highest
 * version wins; who loses the create re-reads and tries again. A removed endpoint is its last version with `removed_at`.
 */
export const EndpointRecord = z.object({
  v: z.literal(1),
  id: EndpointId,
  tenant: Tenant,
  version: z.number().int().min(1).max(999_999),
  url: z.url().max(2_048),
  description: z.string().max(200).nullable(),
  /** Detections that name no receiver are told to the oldest enabled endpoint of the tenant with this mark. */
  is_default: z.boolean(),
  status: z.enum(['enabled', 'disabled']),
  disabled_reason: DisabledReason.nullable(),
  /** Since when every attempt has failed; null after a success. */
  failing_since: z.iso.datetime().nullable(),
  /**
   * Newest first; more than one is valid during a rotation. `sealed` is a `whsec_` text under `SECRET_KEY`, bound to
   * `endpointSecretContext`. Empty once the endpoint is removed.
   */
  secrets: z.array(
    z.object({ sealed: z.string(), created_at: z.iso.datetime(), expires_at: z.iso.datetime().nullable() }),
  ),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
  removed_at: z.iso.datetime().nullable(),
});
export type EndpointRecord = z.infer<typeof EndpointRecord>;

/** What the secrets of an endpoint are sealed for: moved to another record they cannot be opened. */
export const endpointSecretContext = (tenant: Tenant, id: EndpointId) => `endpoint-secret/${tenant}/${id}`;

/** What stands in place of an endpoint's id for an address that was given with one detection. */
export const ONCE = 'once';
export const Receiver = z.union([EndpointId, z.literal(ONCE)]);
export type Receiver = z.infer<typeof Receiver>;

export const receiverOf = (callback: Callback): Receiver => (callback.kind === 'once' ? ONCE : callback.endpoint);

/** What an attempt came to, for the log. `disabled`: nothing was sent, because the endpoint gets nothing any more. */
export const DeliveryOutcome = z.enum(['delivered', 'retrying', 'exhausted', 'gone', 'disabled']);

/**
 * `deliveries/{tenant}/{endpoint or once}/{id}/r{n}/{attempt}.json`: one attempt. Create-only, so numbers are never
 * taken twice; redeliveries and replays go on counting.
 */
export const DeliveryRecord = z.object({
  v: z.literal(1),
  tenant: Tenant,
  receiver: Receiver,
  id: DetectionId,
  revision: Revision,
  attempt: z.number().int().min(1),
  webhook_id: z.string(),
  event: WebhookEvent,
  at: z.iso.datetime(),
  /** `redelivery` and `replay` are asked for by hand. */
  cause: z.enum(['verdict', 'redelivery', 'replay']),
  outcome: DeliveryOutcome,
  /** Null when no answer arrived. */
  status: z.number().int().nullable(),
  /** A class of outbound-failure.ts; null with an answer below 500. */
  error_class: z.string().nullable(),
  latency_ms: z.number(),
  /** The first KB of the answer: a stranger's words, never to be shown unescaped. */
  response_start: z.string(),
  /** When the next attempt is due; null when there is none. */
  next_attempt_at: z.iso.datetime().nullable(),
});
export type DeliveryRecord = z.infer<typeof DeliveryRecord>;

/**
 * Body of a webhook about a detection: thin, at most 4 KB, without any address of the image. It follows from the stored
 * verdict alone, so every attempt sends the same bytes.
 */
export const DetectionMessage = z.object({
  type: WebhookEvent,
  /** When the verdict was stored, not when the message is sent. */
  timestamp: z.iso.datetime(),
  data: z.object({
    id: DetectionId,
    revision: Revision,
    external_id: z.string().nullable(),
    status: VerdictRecord.shape.status,
    verdict: VerdictRecord.shape.verdict,
    probability: VerdictRecord.shape.probability,
    calibrated: z.boolean(),
    reasons: VerdictRecord.shape.reasons,
    summary: z.string(),
    occurred_at: z.iso.datetime(),
    /** The path of the whole answer on this service. */
    href: z.string(),
  }),
});
export type DetectionMessage = z.infer<typeof DetectionMessage>;
