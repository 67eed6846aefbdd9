import { z } from 'zod';

/**
 * `det_` + a UUIDv7 (RFC 9562 5.7) as 32 hex digits: ordered by time, unguessable (74 random bits), free of the `:`
 * that BullMQ forbids in job ids, and safe as a path segment.
 */
export const DetectionId = z.string().regex(/^det_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/, 'not a detection id');
export type DetectionId = z.infer<typeof DetectionId>;

/** Makes an id for the given time in ms since the epoch. */
export const newDetectionId = (nowMs: number): DetectionId => `det_${newUuid7Hex(nowMs)}`;

/** A UUIDv7 as 32 hex digits; what stands before it says of what it is the name. */
export function newUuid7Hex(nowMs: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  new DataView(bytes.buffer).setUint32(0, Math.floor(nowMs / 2 ** 16));
  new DataView(bytes.buffer).setUint16(4, nowMs % 2 ** 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The time in ms since the epoch at which the id was made. */
export function timeOfDetectionId(id: DetectionId): number {
  return Number.parseInt(id.slice(4, 16), 16);
}

/** A tenant is part of storage keys: lower-case letters, digits and inner dashes, 1 to 40 characters. */
export const Tenant = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, 'not a tenant name');
export type Tenant = z.infer<typeof Tenant>;

/** Tenant of everyone as long as no API key exists. */
export const DEFAULT_TENANT: Tenant = 'default';

/** Revisions count from 1. */
export const Revision = z.number().int().min(1).max(999_999);
