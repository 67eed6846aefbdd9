import type { AppControllerRoute } from '@bull-board/api/typings/app';
import { ExpressAdapter } from '@bull-board/express';
import type { Logger } from '@touchstone/shared/observe/logger';
import { asError } from '@touchstone/shared/process/error-code';

const ANSWER_LIMIT_MS = 3_000;

/** Ends what takes too long, as calls do while Redis is away, and keeps the words of errors from the browser. */
export class BoardServer extends ExpressAdapter {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    super();
    this.#logger = logger;
  }

  override setApiRoutes(routes: AppControllerRoute[]): ExpressAdapter {
    return super.setApiRoutes(
      routes.map((route) => ({ ...route, handler: this.#guard((request) => route.handler(request)) })),
    );
  }

  #guard(handler: AppControllerRoute['handler']): AppControllerRoute['handler'] {
    return async (request) => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_LIMIT_MS} ms`)), ANSWER_LIMIT_MS);
      });
      try {
        return await Promise.race([handler(request), late]);
      } catch (error) {
        this.#logger.warn({ reason: asError(error).message }, 'the board could not answer');
        throw Object.assign(new Error('Redis did not answer. More is in the log of the operators role.'), {
          statusCode: 503,
        });
      } finally {
        clearTimeout(timer);
      }
    };
  }
}
