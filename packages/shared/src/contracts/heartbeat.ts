import { z } from 'zod';
import { Slot } from './vocabulary.ts';

/** One detector slot of one worker, as `/health` shows it. */
export const DetectorReport = z.object({
  slot: Slot,
  state: z.enum(['ready', 'unavailable']),
  /** What an operator should do when it is `unavailable`. */
  detail: z.string().nullable(),
  bundle: z.object({ id: z.string(), version: z.string(), weights_sha256: z.string() }).nullable(),
  /** What computes the answers: an execution provider, or the model of the LLM. */
  provider: z.string().nullable(),
  /** One warm run of batch 1, in ms. */
  warm_ms: z.number().nullable(),
});
export type DetectorReport = z.infer<typeof DetectorReport>;

/** What a process tells about itself every few seconds; it expires when the process dies. */
export const Heartbeat = z.object({
  role: z.enum(['api-gateway', 'gpu-worker', 'aggregator', 'llm-worker']),
  instance: z.string(),
  pid: z.number().int(),
  started_at: z.iso.datetime(),
  detectors: z.array(DetectorReport),
  /** Where its `/metrics` lies, without that path; optional, because the release before did not send it. */
  metrics_url: z.url({ protocol: /^http$/ }).optional(),
});
export type Heartbeat = z.infer<typeof Heartbeat>;
