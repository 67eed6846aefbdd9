import { createHash } from 'node:crypto';
import { DEFAULT_TENANT } from '@touchstone/shared/contracts/detection-id';
import type { Detection } from '@touchstone/shared/contracts/detection';
import { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import { DetectionMessage } from '@touchstone/shared/contracts/webhook';
import { CNN_SLOTS, type Slot } from '@touchstone/shared/contracts/vocabulary';
import { verdictKey, verdictsPrefix } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import type { Trace, View } from '../account.ts';
import type { WebhookReceiver } from '../faults/webhook-receiver.ts';
import type { Accepted } from './submitter.ts';
import { statementOf, type Watcher } from './watcher.ts';

export type CollectOptions = {
  accepted: readonly Accepted[];
  objects: ObjectStore;
  watcher: Watcher;
  receiver: WebhookReceiver | null;
  /** Detectors that a verdict must not lack. */
  owed?: readonly Slot[];
  /** By the clock of the store, for a run in which the services' clocks are wrong. */
  usesStoreClock?: boolean;
};

export type Collected = {
  traces: Trace[];
  /** What became of the language model's part, which has a clock of its own: a grace, and then the verdict goes without. */
  llm: Record<string, number>;
  detections: Map<string, Detection>;
};

const AT_ONCE = 16;

/** Looks at every accepted question in every way that there is. */
export async function collectTraces(options: CollectOptions): Promise<Collected> {
  const { accepted, objects, watcher, receiver, owed = CNN_SLOTS } = options;
  const detections = new Map<string, Detection>();
  const llm: Record<string, number> = {};

  const traceOf = async ({ id, acceptedMs }: Accepted): Promise<Trace> => {
    const ref = { tenant: DEFAULT_TENANT, id, revision: 1 };
    await watcher.look(id);
    const detection = await watcher.look(id);
    if (detection !== null) detections.set(id, detection);
    const stored = await objects.read(verdictKey(ref));
    const count = (await objects.list(verdictsPrefix(ref.tenant, id), null, 10)).length;
    const record = stored === null ? null : VerdictRecord.parse(JSON.parse(Buffer.from(stored).toString()));
    const views: View[] = [...(watcher.views.get(id) ?? [])];
    if (stored !== null && record !== null) {
      views.push({ way: 'store', sha256: sha256Of(stored), statement: statementOf(record, record.completed_at) });
    }
    // There has to be one object for one verdict; a second one is another answer, whatever it says.
    if (count > 1) views.push({ way: 'store', sha256: `${count} objects`, statement: 'more than one verdict' });
    const heard = receiver?.deliveries.get(id) ?? [];
    for (const { body, sha256 } of heard) {
      const { data } = DetectionMessage.parse(JSON.parse(body.toString()));
      views.push({ way: 'webhook', sha256, statement: statementOf(data, data.occurred_at) });
    }
    const answered = (slot: Slot) =>
      record?.detectors.some(
        (row) => row.slot === slot && (row.status === 'completed' || row.status === 'not_applicable'),
      ) ?? false;
    const judged = record?.detectors.find(({ slot }) => slot === 'llm');
    if (judged !== undefined) {
      const what = judged.reason ?? judged.status;
      llm[what] = (llm[what] ?? 0) + 1;
    }
    const isSeen = detection?.done === true;
    const verdictMs = record === null || !isSeen ? null : await timeOf(record);
    return {
      id,
      acceptedMs,
      verdictMs,
      missing: record === null ? [] : owed.filter((slot) => !answered(slot)),
      views,
      deliveries: heard.filter(({ isAccepted }) => isAccepted),
    };

    async function timeOf(verdict: VerdictRecord): Promise<number> {
      const info = options.usesStoreClock ? await objects.head(verdictKey(ref)) : null;
      return info?.modifiedMs ?? Date.parse(verdict.completed_at);
    }
  };

  const traces: Trace[] = [];
  for (let at = 0; at < accepted.length; at += AT_ONCE) {
    traces.push(...(await Promise.all(accepted.slice(at, at + AT_ONCE).map(traceOf))));
  }
  return { traces, llm, detections };
}

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
