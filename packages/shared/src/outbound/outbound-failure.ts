import { asError } from '../process/error-code.ts';

/**
 * Why an outside call failed; reliability.md section 4 W9 and the guard's own classes. `timeout`: a deadline passed, to
 * connect or in all. `connect`: no usable HTTP exchange: refused, unreachable, reset or not HTTP.
 */
export const OUTBOUND_FAILURES = [
  'dns',
  'connect',
  'tls',
  'timeout',
  'http_5xx',
  'blocked_ip',
  'blocked_url',
  'too_large',
] as const;
export type OutboundFailure = (typeof OUTBOUND_FAILURES)[number];

/** Thrown inside the guard. Its text names no address and no URL: both are the client's words. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly failure: OutboundFailure;

  constructor(failure: OutboundFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

const DNS = /^(ENOTFOUND|ENODATA|EAI_.+)$/;
const TIMEOUT = /^(ETIMEDOUT|UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT)$/;
/** OpenSSL's errors, Node's own TLS errors and the names of X.509 verification errors. */
const TLS =
  /^(EPROTO$|ERR_SSL_|ERR_TLS_|CERT_|CRL_|UNABLE_TO_|ERROR_IN_C)|SELF_SIGNED|^(INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH)$/;
/** Errors that our own code causes: unsendable headers, a closed dispatcher. */
const MISUSE = /^(UND_ERR_(INVALID_ARG|CLOSED|DESTROYED|REQ_CONTENT_LENGTH_MISMATCH)|ERR_INVALID_.+|ERR_ASSERTION)$/;
const BUILT_IN = /^(Type|Range|Reference|Syntax)Error$/;

/**
 * The class of an error from undici or a socket; null for a fault of ours. What the other side causes in a way nobody
 * foresaw is `connect`: a stranger's server must not be able to look like a fault of ours.
 */
export function classifyOutboundError(thrown: unknown): OutboundFailure | null {
  const error: Error & { code?: unknown; syscall?: unknown; failure?: OutboundFailure } = asError(thrown);
  if (error.failure !== undefined) return error.failure;
  const code = typeof error.code === 'string' ? error.code : '';
  if (error.syscall === 'getaddrinfo' || DNS.test(code)) return 'dns';
  if (TIMEOUT.test(code)) return 'timeout';
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return 'too_large';
  if (TLS.test(code)) return 'tls';
  return MISUSE.test(code) || BUILT_IN.test(error.name) ? null : 'connect';
}
