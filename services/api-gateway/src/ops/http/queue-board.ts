import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { BeforeHookResult, HookContext } from '@bull-board/api/typings/app';
import type { Express } from 'express';
import type { z } from 'zod';
import type { Logger } from '@touchstone/shared/observe/logger';
import type { BoardQueues } from '@touchstone/shared/queue/board-queues';
import { catalog, type QueueName } from '@touchstone/shared/queue/catalog';
import { redactFields, redactProgress, redactTexts } from '../core/redact-job.ts';
import { cutText } from '../core/redact-text.ts';
import { BoardServer } from './board-server.ts';

export const BOARD_PATH = '/ops/queues';

const MAX_NAME_CHARS = 60;

const DESCRIPTIONS: Partial<Record<QueueName, string>> = {
  'detect-sbi': 'Faces: one job for each image, taken by a gpu-worker',
  'detect-distildire': 'Whole images: one job for each image, taken by a gpu-worker',
  'judge-image': 'The opinion of the language model, taken by an llm-worker',
  'merge-verdict': 'Parent of each detection: runs when its detectors are done, taken by an aggregator',
  'finalise-detection': 'Ends the wait for the language model, taken by an aggregator',
};

/**
 * What an operator may change when the board is writable. Payloads are made by the system, so nothing here adds or edits
 * jobs; and a queue is never wiped as a whole: the store would have it filled again.
 */
const ALLOWED_CHANGES: ReadonlySet<string> = new Set([
  'put /api/queues/pause',
  'put /api/queues/resume',
  'put /api/queues/:queueName/pause',
  'put /api/queues/:queueName/resume',
  'put /api/queues/:queueName/retry/:queueStatus',
  'put /api/queues/:queueName/promote',
  'put /api/queues/:queueName/clean/:queueStatus',
  'put /api/queues/:queueName/:jobId/retry',
  'put /api/queues/:queueName/:jobId/promote',
  'put /api/queues/:queueName/:jobId/clean',
]);

/** Bull Board over all queues, to be mounted at `BOARD_PATH` behind a login. */
export function createQueueBoard(
  { queues }: Pick<BoardQueues, 'queues'>,
  options: { isWritable: boolean; logger: Logger },
): Express {
  const server = new BoardServer(options.logger);
  server.setBasePath(BOARD_PATH);
  createBullBoard({
    queues: queues.map(({ name, queue }) => {
      const adapter = new BullMQAdapter(queue, {
        readOnlyMode: !options.isWritable,
        description: DESCRIPTIONS[name] ?? '',
      });
      const { payload, result } = catalog[name];
      adapter.setFormatter('data', (data: unknown) => redactFields(data, fieldsOf(payload)));
      adapter.setFormatter('returnValue', (value: unknown) => redactFields(value, fieldsOf(result)));
      adapter.setFormatter('progress', redactProgress);
      adapter.setFormatter('name', (job: { name?: string }) => cutText(job.name ?? '', MAX_NAME_CHARS));
      return adapter;
    }),
    serverAdapter: server,
    options: {
      uiConfig: {
        boardTitle: 'Touchstone queues',
        hideRedisDetails: true,
        hideDocsLink: true,
        showMetrics: false,
        miscLinks: [
          { text: 'Metrics', url: '/metrics' },
          { text: 'Log out', url: '/logout' },
        ],
        environment: options.isWritable
          ? { label: 'Changes allowed', color: '#9a3412', textColor: '#ffffff' }
          : { label: 'Read only', color: '#365314', textColor: '#ffffff' },
      },
      handlerHooks: {
        before: (context) => refuseChange(context, options.isWritable),
        // Reasons of failures and stack traces have no formatter of their own.
        after: (_context, answer) => ({ ...answer, body: redactTexts(answer.body) }),
      },
    },
  });
  const router = server.getRouter() as Express;
  router.disable('x-powered-by');
  return router;
}

function refuseChange({ method, route }: HookContext, isWritable: boolean): BeforeHookResult {
  if (method === 'get' || (isWritable && ALLOWED_CHANGES.has(`${method} ${route}`))) return { allow: true };
  return { allow: false, status: 403, errorKey: isWritable ? 'ERRORS.FORBIDDEN' : 'ERRORS.QUEUE_READ_ONLY' };
}

const fieldsOf = (schema: z.ZodObject) => Object.keys(schema.shape);
