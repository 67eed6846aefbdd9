import type { Heartbeat } from '@touchstone/shared/contracts/heartbeat';
import type { QueueMeasure } from '@touchstone/shared/queue/board-queues';
import { gaugeFamily, type Family } from './exposition.ts';

export type DiskSpace = { freeBytes: number; sizeBytes: number };

export type SystemView = {
  processes: { role: string; instance: string; isUp: boolean }[];
  /** Null when Redis did not answer. */
  beats: Heartbeat[] | null;
  /** Null when Redis did not answer. */
  queues: QueueMeasure[] | null;
  disk: DiskSpace | null;
};

/** What no process can tell of itself. Unknown is left out, never told as 0. */
export function describeSystem({ processes, beats, queues, disk }: SystemView): Family[] {
  return [
    gaugeFamily(
      'touchstone_process_up',
      'Whether a known process gave its metrics; the instance `down` stands for one that is being started again.',
      processes.map(({ role, instance, isUp }) => ({ labels: { role, instance }, value: isUp ? 1 : 0 })),
    ),
    gaugeFamily('touchstone_redis_up', 'Whether Redis answered for this scrape.', [{ value: queues === null ? 0 : 1 }]),
    gaugeFamily(
      'touchstone_detector_ready',
      'Whether a worker has a usable bundle for a slot, as its heartbeat says.',
      (beats ?? []).flatMap(({ role, instance, detectors }) =>
        detectors.map(({ slot, state }) => ({ labels: { slot, role, instance }, value: state === 'ready' ? 1 : 0 })),
      ),
    ),
    gaugeFamily(
      'touchstone_queue_depth',
      'Jobs by queue and state.',
      (queues ?? []).flatMap(({ queue, depth }) =>
        Object.entries(depth).map(([state, value]) => ({ labels: { queue, state }, value })),
      ),
    ),
    gaugeFamily(
      'touchstone_queue_oldest_age_seconds',
      'Time since the oldest job of a state was added; 0 without one. Of delayed jobs the one that is due first.',
      (queues ?? []).flatMap(({ queue, oldestAgeMs }) =>
        Object.entries(oldestAgeMs).map(([state, ms]) => ({ labels: { queue, state }, value: ms / 1_000 })),
      ),
    ),
    gaugeFamily(
      'touchstone_data_free_bytes',
      'Free space where DATA_DIR lies.',
      disk === null ? [] : [{ value: disk.freeBytes }],
    ),
    gaugeFamily(
      'touchstone_data_size_bytes',
      'Size of the file system where DATA_DIR lies.',
      disk === null ? [] : [{ value: disk.sizeBytes }],
    ),
  ];
}
