/** What a process of the peer is told when it starts. */
export type PlainSetup = { role: PlainRole; redisUrl: string; hookUrl: string };
export type PlainRole = 'detector' | 'judge' | 'merger';

/** Names of its queues; a detection is a flow of three children. */
export const PLAIN = { detector: 'plain-detect', judge: 'plain-judge', merger: 'plain-merge' } as const;
/** Of every job, with the backoff of a careful user. */
export const PLAIN_RETRIES = { attempts: 5, backoff: { type: 'exponential', delay: 200 } } as const;
