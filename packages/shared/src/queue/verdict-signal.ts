import type { Redis } from 'ioredis';
import { z } from 'zod';
import { DetectionId, Tenant } from '../contracts/detection-id.ts';

const Signal = z.object({ tenant: Tenant, id: DetectionId });
const channelOf = (prefix: string) => `${prefix}:verdict-stored`;

/** Tells all gateways that a verdict was stored. Best effort: who waits also looks into the store now and then. */
export async function signalVerdict(redis: Redis, prefix: string, tenant: Tenant, id: DetectionId): Promise<void> {
  await redis.publish(channelOf(prefix), JSON.stringify({ tenant, id }));
}

export type VerdictSignals = {
  /** Resolves true when the verdict of `id` is announced, false when `signal` aborts first. */
  wait(id: DetectionId, signal: AbortSignal): Promise<boolean>;
};

/** Listens on a connection of its own (a subscribed one can do nothing else); it stays the caller's to close. */
export function listenForVerdicts(subscriber: Redis, prefix: string): VerdictSignals {
  const waiting = new Map<DetectionId, Set<() => void>>();
  const channel = channelOf(prefix);
  // ioredis subscribes again by itself after a reconnect.
  subscriber.subscribe(channel).catch(() => undefined);
  subscriber.on('message', (from, message) => {
    if (from !== channel) return;
    const parsed = Signal.safeParse(JSON.parse(message));
    if (parsed.success) for (const wake of waiting.get(parsed.data.id) ?? []) wake();
  });
  return {
    wait: (id, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve(false);
        const wakers = waiting.get(id) ?? new Set();
        waiting.set(id, wakers);
        const end = (stored: boolean) => {
          wakers.delete(wake);
          if (wakers.size === 0) waiting.delete(id);
          signal.removeEventListener('abort', abort);
          resolve(stored);
        };
        const wake = () => end(true);
        const abort = () => end(false);
        wakers.add(wake);
        signal.addEventListener('abort', abort);
      }),
  };
}
