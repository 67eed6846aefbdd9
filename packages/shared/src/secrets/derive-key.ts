import { hkdfSync } from 'node:crypto';

/** A key of 32 bytes for one purpose (RFC 5869): what one use gives away says nothing of the others. */
export function deriveKey(secretKey: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secretKey, new Uint8Array(), `touchstone/${purpose}`, 32));
}
