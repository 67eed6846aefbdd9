import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { failures, type FailureCode } from '@touchstone/shared/contracts/failure';
import { hasErrorCode } from '@touchstone/shared/process/error-code';
import { problemOf } from './problem-handler.ts';

/** Answers a request that must not reach the routes, with a problem like theirs. */
export function refuseRequest(response: ServerResponse, code: FailureCode, detail: string): void {
  const { headers, body } = bareProblem(code, detail);
  response.writeHead(failures[code].status, headers).end(body);
}

/**
 * Answers what is not, or not yet, a request, and ends the connection. Node only hands over the socket: a client that
 * never ends its own side would keep it, and its upload, for ever. It gets `lingerMs` to read the answer.
 */
export function refuseConnection(error: Error, socket: Duplex, lingerMs: number): void {
  // What comes behind the refused bytes is refused as well, while the first answer is on its way.
  if (socket.writableEnded) return;
  if (!socket.writable || hasErrorCode(error, 'ECONNRESET')) {
    socket.destroy();
    return;
  }
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
  const [code, detail] = reasonOf(error);
  const { headers, body } = bareProblem(code, detail);
  const { status } = failures[code];
  const lines = Object.entries({ Connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}`);
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n'));
}

function reasonOf(error: Error): [FailureCode, string] {
  if (hasErrorCode(error, 'HPE_HEADER_OVERFLOW')) {
    return ['headers_too_large', 'The headers of the request are too large.'];
  }
  if (hasErrorCode(error, 'ERR_HTTP_REQUEST_TIMEOUT')) {
    return ['request_timeout', 'The request took too long to arrive.'];
  }
  return ['malformed_request', 'The request is not valid HTTP.'];
}

function bareProblem(code: FailureCode, detail: string) {
  const problem = problemOf(code, detail, `req_${randomUUID()}`);
  const body = JSON.stringify(problem);
  const headers = {
    'Content-Type': 'application/problem+json; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Request-Id': problem.request_id,
  };
  return { headers, body };
}
