import type { DetectionId, Tenant } from '@touchstone/shared/contracts/detection-id';
import type { Question } from './accept-detection.ts';

/** Detections of this process that somebody may join by posting the same bytes again. */
export type RunningDetections = {
  /** The detection of an equal question of the same tenant that is underway, or the one that `accept` starts. */
  joinOr(tenant: Tenant, question: Question, accept: () => Promise<DetectionId>): Promise<DetectionId>;
  /** Its verdict is known: the next equal question is a new one. */
  end(id: DetectionId): void;
};

/** Covers a client that tries again after a 504; an older question is rather asked anew. */
const JOINABLE_FOR_MS = 600_000;

/** Bounded, and best effort: a question that is not found here is simply asked twice. */
export function createRunningDetections(maxEntries: number, nowMs: () => number): RunningDetections {
  const byQuestion = new Map<string, { id: Promise<DetectionId>; sinceMs: number }>();
  const questionOf = new Map<DetectionId, string>();

  const drop = (key: string) => {
    const entry = byQuestion.get(key);
    byQuestion.delete(key);
    entry?.id.then(
      (id) => questionOf.delete(id),
      () => undefined,
    );
  };
  return {
    async joinOr(tenant, question, accept) {
      const key = JSON.stringify([tenant, question.image.sha256, question.options, question.callback]);
      const running = byQuestion.get(key);
      if (running !== undefined && nowMs() - running.sinceMs < JOINABLE_FOR_MS) return running.id;
      drop(key);
      // Maps keep the order of insertion, so the first key is the oldest.
      if (byQuestion.size >= maxEntries) drop(byQuestion.keys().next().value!);
      const entry = { id: accept(), sinceMs: nowMs() };
      byQuestion.set(key, entry);
      try {
        const id = await entry.id;
        if (byQuestion.get(key) === entry) questionOf.set(id, key);
        return id;
      } catch (error) {
        if (byQuestion.get(key) === entry) byQuestion.delete(key);
        throw error;
      }
    },
    end(id) {
      const key = questionOf.get(id);
      questionOf.delete(id);
      if (key !== undefined) byQuestion.delete(key);
    },
  };
}
