import type { VerdictRecord } from '../contracts/verdict-record.ts';
import { DetectionMessage, type WebhookEvent } from '../contracts/webhook.ts';
import { webhookId } from '../outbound/webhook-id.ts';

/** What is sent of a verdict: the id and the exact bytes that are signed. */
export type WebhookMessage = { webhookId: string; event: WebhookEvent; body: Uint8Array };

/** reliability.md section 4 W8. */
const MAX_BYTES = 4_096;
/** What fits beside the longest rest, however much the encoding makes of it. Our own sentences fit whole. */
const CUT_SUMMARY_LENGTH = 250;

/** Follows from the stored verdict and the question alone: every attempt of every process has the same id and bytes. */
export function messageOf(verdict: VerdictRecord, externalId: string | null): WebhookMessage {
  const event: WebhookEvent = verdict.status === 'completed' ? 'detection.completed' : 'detection.failed';
  const bodyWith = (summary: string) => {
    const message: DetectionMessage = {
      type: event,
      timestamp: verdict.completed_at,
      data: {
        id: verdict.id,
        revision: verdict.revision,
        external_id: externalId,
        status: verdict.status,
        verdict: verdict.verdict,
        probability: verdict.probability,
        calibrated: verdict.calibrated,
        reasons: verdict.reasons,
        summary,
        occurred_at: verdict.completed_at,
        href: `/api/v1/detections/${verdict.id}`,
      },
    };
    return Buffer.from(JSON.stringify(DetectionMessage.parse(message)));
  };
  const whole = bodyWith(verdict.summary);
  return {
    webhookId: webhookId(verdict.id, event, verdict.revision),
    event,
    body: whole.length <= MAX_BYTES ? whole : bodyWith(verdict.summary.slice(0, CUT_SUMMARY_LENGTH).toWellFormed()),
  };
}
