import { createHash } from 'node:crypto';
import type { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { AppError } from '@touchstone/shared/contracts/failure';

const MAX_LENGTH = 255;

/** sha256 of the `Idempotency-Key` as hex, or null without one. `values` are those of every such header. */
export function keyHashOf(values: string[] | undefined): string | null {
  if (values === undefined) return null;
  const [key = ''] = values;
  if (values.length > 1 || key.length > MAX_LENGTH || !/^[\x20-\x7e]+$/.test(key)) {
    throw new AppError(
      'malformed_request',
      `Idempotency-Key must be given once, as 1 to ${MAX_LENGTH} printable ASCII characters.`,
    );
  }
  return createHash('sha256').update(key).digest('hex');
}

/** What makes two questions the same one. What else is stored of them (slots, priority, declared type) may differ. */
export type Fingerprinted = Pick<RequestRecord, 'options' | 'callback'> & { image: { sha256: string } };

/** sha256 of image and canonical options; contract.md section 1. */
export function fingerprintOf({ image, options, callback }: Fingerprinted): string {
  const canonical = canonicalJson({ image: image.sha256, options, callback: callback ?? null });
  return createHash('sha256').update(canonical).digest('hex');
}

/** JSON with sorted names, so that it does not depend on the order in which a program builds its objects. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
