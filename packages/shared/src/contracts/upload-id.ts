import { z } from 'zod';
import { newUuid7Hex } from './detection-id.ts';

/** `upl_` + a UUIDv7 as 32 hex digits: an image that a client puts into the object store itself. */
export const UploadId = z.string().regex(/^upl_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/, 'not an upload id');
export type UploadId = z.infer<typeof UploadId>;

export const newUploadId = (nowMs: number): UploadId => `upl_${newUuid7Hex(nowMs)}`;

/** The time in ms since the epoch at which the id was made. */
export const timeOfUploadId = (id: UploadId) => Number.parseInt(id.slice(4, 16), 16);
