import { asError } from '../process/error-code.ts';

/** What is worth knowing of a failed request: nothing here is a key, an address, a signature or a stored byte. */
export type S3Failure = {
  /** The store's own word, such as `SlowDown`, else Node's, such as `ECONNREFUSED`. */
  code: string;
  /** Null when no answer came. */
  status: number | null;
  /** What the people who run the store ask for. */
  requestId: string | null;
  /** Whether the same request may succeed a moment later. */
  isPassing: boolean;
};

/**
 * A call to S3 that failed for good. It carries no `cause` on purpose: an error of the SDK holds what the server sent,
 * and `SignatureDoesNotMatch` sends the access key and all that was signed.
 */
export class S3CallError extends Error {
  override readonly name = 'S3CallError';
  readonly code: string;
  readonly status: number | null;
  readonly isPassing: boolean;

  constructor(operation: string, failure: S3Failure, attempts: number) {
    const details = [
      failure.code,
      failure.status === null ? 'no answer' : `status ${failure.status}`,
      `attempts ${attempts}`,
      ...(failure.requestId === null ? [] : [`request ${failure.requestId}`]),
    ];
    super(`object store: ${operation} failed (${details.join(', ')})`);
    this.code = failure.code;
    this.status = failure.status;
    this.isPassing = failure.isPassing;
  }
}

/** `ConditionalRequestConflict` (409): another writer was busy with the same key and may yet fail. */
const PASSING_CODES = new Set([
  'ConditionalRequestConflict',
  'OperationAborted',
  'RequestTimeout',
  'SlowDown',
  // The attempt itself is the cure: the SDK takes the server's clock from the answer.
  'RequestTimeTooSkewed',
]);
const PASSING_STATUSES = new Set([408, 429, 500, 502, 503, 504]);
/** Node's words for an address, a connection or a parser that failed; `HPE_…` is an answer cut short in its head. */
const NETWORK_CODE =
  /^(E(CONN[A-Z]+|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|NOTFOUND|AI_AGAIN)|HPE_\w+|ERR_STREAM_PREMATURE_CLOSE)$/;

/** Reads what the SDK or Node threw. */
export function readS3Failure(thrown: unknown): S3Failure {
  const {
    $metadata: metadata,
    code,
    name,
  } = asError(thrown) as Error & {
    code?: unknown;
    $metadata?: { httpStatusCode?: number; requestId?: string };
  };
  const status = metadata?.httpStatusCode ?? null;
  // A failure on the way has a code of Node's; an answer has the store's word in `name`.
  const word = status === null && typeof code === 'string' ? code : name;
  const isNetwork = typeof code === 'string' && NETWORK_CODE.test(code);
  return {
    code: printable(word) ?? 'Unknown',
    status,
    requestId: printable(metadata?.requestId),
    isPassing: PASSING_CODES.has(name) || PASSING_STATUSES.has(status ?? 0) || isNetwork,
  };
}

/** The status of an answer; null when none came. */
export const statusOf = (thrown: unknown): number | null => readS3Failure(thrown).status;

/** Whether the key does not exist. HEAD's 404 has no body to say why; a missing bucket is an error everywhere else. */
export function isMissingKey(thrown: unknown): boolean {
  const { name } = asError(thrown);
  return name === 'NoSuchKey' || (name === 'NotFound' && statusOf(thrown) === 404);
}

/** A word that a server chose, if it is one. */
function printable(word: string | undefined): string | null {
  return word !== undefined && /^[\w.:-]{1,128}$/.test(word) ? word : null;
}
