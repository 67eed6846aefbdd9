import { Revision } from '../contracts/detection-id.ts';

const SUBJECT = /^(det|bat|whe)_[0-9a-f]{32}$/;
const EVENT = /^[a-z]+\.[a-z]+$/;

/**
 * `msg_{id}_{event}_r{n}`: derived, so the same on retry, replay and after the loss of Redis. The event's dot becomes
 * `_`, because the dot separates the signed parts and may not stand in an id.
 */
export function webhookId(subjectId: string, event: string, revision: number): string {
  if (!SUBJECT.test(subjectId) || !EVENT.test(event)) throw new Error('not the subject and event of a webhook');
  return `msg_${subjectId}_${event.replace('.', '_')}_r${Revision.parse(revision)}`;
}
