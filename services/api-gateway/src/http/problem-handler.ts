import type { ErrorRequestHandler } from 'express';
import { AppError, failures, type FailureCode, type Problem } from '@touchstone/shared/contracts/failure';
import type { Logger } from '@touchstone/shared/observe/logger';
import { asError } from '@touchstone/shared/process/error-code';
import { InvalidFields } from '../core/invalid-fields.ts';
import { contextOf } from './request-context.ts';
import { sendBody } from './send-body.ts';

const DEFAULT_RETRY_AFTER = '5';

/** RFC 9457. The type is a name, not an address: nobody but the operator knows where this service lives. */
export function problemOf(code: FailureCode, detail: string, requestId: string): Problem {
  const { status, title } = failures[code];
  return { type: `urn:touchstone:problem:${code}`, title, status, detail, code, request_id: requestId };
}

/** The one place where errors become answers. Unknown ones are told to the log alone. */
export function handleProblems(logger: Logger): ErrorRequestHandler {
  return (thrown: unknown, request, response, next) => {
    const { requestId, detectionId } = contextOf(response);
    const error = toAppError(thrown);
    const { status } = failures[error.code];
    const cause = error.cause === undefined ? error : asError(error.cause);
    if (status >= 500 && error.code !== 'detection_timeout') {
      const level = error.code === 'internal_error' ? 'error' : 'warn';
      logger[level]({ requestId, detectionId, code: error.code, err: cause }, 'request failed');
    }
    if (response.headersSent) return next(thrown);
    const problem = problemOf(error.code, error.message, requestId);
    if (error instanceof InvalidFields) problem.errors = error.errors;
    const headers: Record<string, string> = { 'Cache-Control': 'no-store', ...error.headers };
    if (status === 503) headers['Retry-After'] ??= DEFAULT_RETRY_AFTER;
    sendBody(request, response, status, 'application/problem+json', JSON.stringify(problem), headers);
  };
}

function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const error = asError(thrown);
  // Express marks what it cannot read of a request, such as a bad escape in the path.
  if ('status' in error && error.status === 400) {
    return new AppError('malformed_request', 'The address of the request cannot be read.');
  }
  return new AppError('internal_error', undefined, { cause: error });
}
