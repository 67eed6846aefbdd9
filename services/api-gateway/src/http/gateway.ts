import type { Logger } from '@touchstone/shared/observe/logger';
import type { Acceptance } from '../accept-detection.ts';
import type { ApiKeys } from '../adapters/api-keys-file.ts';
import type { CapabilityReport } from '../adapters/capability-report.ts';
import type { DetectionReader } from '../adapters/detection-reader.ts';
import type { HealthReport } from '../adapters/health-report.ts';
import type { Spool } from '../adapters/spool-storage.ts';
import type { VerdictWaiting } from '../await-verdict.ts';
import type { DirectUploads } from '../direct-uploads.ts';
import type { Eraser } from '../erase-on-request.ts';
import type { Webhooks } from '../open-webhooks.ts';
import type { Offer } from '../read-question.ts';
import type { RunningDetections } from '../running-detections.ts';
import type { Admission } from './admit-submission.ts';
import type { RequestMetrics } from './request-context.ts';

/** Everything that the routes need. */
export type Gateway = {
  acceptance: Acceptance;
  eraser: Eraser;
  reader: DetectionReader;
  running: RunningDetections;
  waiting: VerdictWaiting;
  spool: Spool;
  uploads: DirectUploads;
  keys: ApiKeys;
  admission: Admission;
  opensAnonymousDetect: boolean;
  /** Requests of one key, of whatever kind, that this process answers; 0: no limit. */
  requestsPerMinute: number;
  offer: Offer;
  capabilities: CapabilityReport;
  webhooks: Webhooks;
  /** How long `POST /api/v1/detect` waits. */
  detectWaitMs: number;
  /** Number of proxies in front whose forwarded address is believed. */
  trustedProxies: number;
  page: string;
  reportHealth(): Promise<HealthReport>;
  isReady(): Promise<boolean>;
  logger: Logger;
  metrics: RequestMetrics;
};
