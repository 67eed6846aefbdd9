import { z } from 'zod';
import { DeliveryRecord, DisabledReason, EndpointId } from './webhook.ts';

/** A receiver as its owner sees it: everything but its secrets, which are shown once, when they are made. */
export const WebhookEndpoint = z.object({
  id: EndpointId,
  url: z.string(),
  description: z.string().nullable(),
  is_default: z.boolean(),
  status: z.enum(['enabled', 'disabled']),
  disabled_reason: DisabledReason.nullable(),
  failing_since: z.iso.datetime().nullable(),
  /** Those that sign now, newest first. */
  secrets: z.array(z.object({ created_at: z.iso.datetime(), expires_at: z.iso.datetime().nullable() })),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});
export type WebhookEndpoint = z.infer<typeof WebhookEndpoint>;

/** The answer that shows a secret, and the only one. */
export const WebhookEndpointWithSecret = WebhookEndpoint.extend({ secret: z.string() });
export type WebhookEndpointWithSecret = z.infer<typeof WebhookEndpointWithSecret>;

export const WebhookEndpointList = z.object({ data: z.array(WebhookEndpoint) });

const Url = z.string().min(1).max(2_048);
const Description = z
  .string()
  .max(200)
  .regex(/^\P{Cc}*$/u, 'must not hold control characters')
  .nullable();
/** Given where the receiver must know the secret before the challenge arrives; else the service makes one. */
const Secret = z
  .string()
  .regex(
    /^whsec_(?:[A-Za-z0-9+/]{4}){8,21}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
    'must be whsec_ and base64 of 24 to 64 bytes',
  );

export const CreateWebhookEndpoint = z.strictObject({
  url: Url,
  description: Description.default(null),
  is_default: z.boolean().default(false),
  secret: Secret.optional(),
});
export type CreateWebhookEndpoint = z.infer<typeof CreateWebhookEndpoint>;

export const ChangeWebhookEndpoint = z.strictObject({
  url: Url.optional(),
  description: Description.optional(),
  is_default: z.boolean().optional(),
  status: z.enum(['enabled', 'disabled']).optional(),
});
export type ChangeWebhookEndpoint = z.infer<typeof ChangeWebhookEndpoint>;

export const RotateWebhookSecret = z.strictObject({ secret: Secret.optional() });

/** What a test message came to. */
export const WebhookTest = z.object({
  delivered: z.boolean(),
  webhook_id: z.string(),
  http_status: z.number().int().nullable(),
  error_class: z.string().nullable(),
  latency_ms: z.number(),
  /** A stranger's words, never to be shown unescaped. */
  response_start: z.string(),
});
export type WebhookTest = z.infer<typeof WebhookTest>;

/** One attempt to deliver, as the owner of the endpoint sees it. */
export const WebhookDelivery = DeliveryRecord.pick({
  revision: true,
  attempt: true,
  webhook_id: true,
  event: true,
  at: true,
  cause: true,
  error_class: true,
  latency_ms: true,
  response_start: true,
  next_attempt_at: true,
}).extend({
  detection_id: DeliveryRecord.shape.id,
  status: DeliveryRecord.shape.outcome,
  http_status: DeliveryRecord.shape.status,
});
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;

export const WebhookDeliveryPage = z.object({ data: z.array(WebhookDelivery), next_cursor: z.string().nullable() });

/** Times of acceptance, both inclusive. `cursor`: where the call before stopped, with the same times. */
export const ReplayWebhooks = z.strictObject({
  since: z.iso.datetime({ offset: true }),
  until: z.iso.datetime({ offset: true }).optional(),
  cursor: z.string().max(200).optional(),
});
export type ReplayWebhooks = z.infer<typeof ReplayWebhooks>;

export const ReplayAnswer = z.object({ enqueued: z.number().int(), next_cursor: z.string().nullable() });
