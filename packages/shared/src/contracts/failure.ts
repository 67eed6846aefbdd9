import { z } from 'zod';

/** Every error that the system tells a client about, once: code, HTTP status, whether a retry can help, and title. */
export const failures = {
  malformed_request: { status: 400, retryable: false, title: 'The request cannot be understood' },
  unauthenticated: { status: 401, retryable: false, title: 'A valid API key is required' },
  scope_missing: { status: 403, retryable: false, title: 'The API key lacks the scope for this' },
  not_found: { status: 404, retryable: false, title: 'There is nothing here' },
  method_not_allowed: { status: 405, retryable: false, title: 'This resource does not support the method' },
  request_timeout: { status: 408, retryable: true, title: 'The request took too long to arrive' },
  idempotency_in_progress: { status: 409, retryable: true, title: 'The first request with this key is not finished' },
  state_conflict: { status: 409, retryable: false, title: 'The state of the resource does not allow this' },
  payload_too_large: { status: 413, retryable: false, title: 'The upload is too large' },
  too_many_pixels: { status: 413, retryable: false, title: 'The image has too many pixels' },
  unsupported_media_type: { status: 415, retryable: false, title: 'The media type is not supported' },
  expectation_failed: { status: 417, retryable: false, title: 'The expectation is not supported' },
  idempotency_key_reused: { status: 422, retryable: false, title: 'The key belongs to another request' },
  direct_upload_unavailable: { status: 422, retryable: false, title: 'Images cannot be put into the store directly' },
  upload_unavailable: { status: 422, retryable: false, title: 'The upload cannot be used' },
  webhook_endpoint_unavailable: { status: 422, retryable: false, title: 'The webhook endpoint gets no messages' },
  webhook_url_blocked: { status: 422, retryable: false, title: 'Webhooks are not sent to this address' },
  webhook_verification_failed: { status: 422, retryable: false, title: 'The receiver did not ask for webhooks' },
  undecodable_image: { status: 422, retryable: false, title: 'The image cannot be decoded' },
  truncated_image: { status: 422, retryable: false, title: 'The image file is cut short' },
  operating_point_unavailable: { status: 422, retryable: false, title: 'The operating point is not available' },
  rate_limited: { status: 429, retryable: true, title: 'Too many requests' },
  headers_too_large: { status: 431, retryable: false, title: 'The headers of the request are too large' },
  internal_error: { status: 500, retryable: true, title: 'Something went wrong on our side' },
  overloaded: { status: 503, retryable: true, title: 'The service is overloaded' },
  no_detector_available: { status: 503, retryable: true, title: 'No detector is available' },
  queue_unavailable: { status: 503, retryable: true, title: 'The queue is not available' },
  store_unavailable: { status: 503, retryable: true, title: 'The object store is not available' },
  detection_timeout: { status: 504, retryable: true, title: 'The detection is not finished yet' },
} as const satisfies Record<string, { status: number; retryable: boolean; title: string }>;

export type FailureCode = keyof typeof failures;

/** An error with a code of the table. `detail` is for the client: it names no secret, path or pixel. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: FailureCode;
  /** Headers that belong to the answer, such as `Allow` or `Retry-After`. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: FailureCode, detail?: string, options?: ErrorOptions & { headers?: Record<string, string> }) {
    super(detail ?? failures[code].title, options);
    this.code = code;
    this.headers = options?.headers ?? {};
  }
}

/** `application/problem+json`, RFC 9457. */
export const Problem = z.object({
  type: z.url(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.enum(Object.keys(failures) as [FailureCode, ...FailureCode[]]),
  request_id: z.string(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
});
export type Problem = z.infer<typeof Problem>;
