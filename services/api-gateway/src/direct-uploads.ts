import type { Readable } from 'node:stream';
import type { Tenant } from '@touchstone/shared/contracts/detection-id';
import { AppError } from '@touchstone/shared/contracts/failure';
import { MAX_IMAGE_BYTES } from '@touchstone/shared/contracts/limits';
import { MediaType } from '@touchstone/shared/contracts/request-record';
import {
  UPLOAD_CLAIM_MS,
  UPLOAD_TARGET_S,
  UploadRecord,
  type CreateUpload,
  type UploadTarget,
} from '@touchstone/shared/contracts/upload';
import { newUploadId, timeOfUploadId, type UploadId } from '@touchstone/shared/contracts/upload-id';
import { settleWithin } from '@touchstone/shared/process/settle-within';
import { createJson, readJson } from '@touchstone/shared/storage/json-object';
import { incomingKey, uploadRecordKey } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import type { Spool, SpoolFile } from './adapters/spool-storage.ts';
import { withinStoreLimit } from './adapters/within-store-limit.ts';

/** Images that clients put into the object store themselves. They are trusted no more than those of a form. */
export type DirectUploads = {
  /** Whether the store can be written to by others. */
  isOffered: boolean;
  /** Where to put an image of this type, size and digest; throws the refusal. */
  open(tenant: Tenant, asked: CreateUpload): Promise<UploadTarget>;
  /** What was announced of an upload that can still become a detection; throws the refusal. */
  find(tenant: Tenant, id: UploadId): Promise<UploadRecord>;
  /** Brings the bytes into the spool, and checks that they are those announced. Whoever gets them discards them. */
  fetch(record: UploadRecord): Promise<{ file: SpoolFile; discard: () => Promise<void> }>;
  /** Its bytes are stored as those of a detection; never fails. What is left of it expires. */
  forget(record: UploadRecord): Promise<void>;
};

const LOOKUP_LIMIT_MS = 5_000;
const FETCH_LIMIT_MS = 30_000;
const FORGET_LIMIT_MS = 1_000;

export function createDirectUploads(deps: { store: ObjectStore; spool: Spool; nowMs: () => number }): DirectUploads {
  const { store, spool, nowMs } = deps;
  const { presignPut } = store;

  return {
    isOffered: presignPut !== null,
    async open(tenant, asked) {
      if (presignPut === null) {
        throw new AppError(
          'direct_upload_unavailable',
          'Send the image as multipart/form-data to /api/v1/detections: this deployment takes it in no other way.',
        );
      }
      const mediaType = MediaType.safeParse(asked.media_type);
      if (!mediaType.success) {
        throw new AppError('unsupported_media_type', `Accepted are ${MediaType.options.join(', ')}.`);
      }
      if (asked.bytes > MAX_IMAGE_BYTES) {
        throw new AppError('payload_too_large', `An image has at most ${MAX_IMAGE_BYTES} bytes.`);
      }
      const openedMs = nowMs();
      const { bytes, sha256 } = asked;
      const record: UploadRecord = {
        v: 1,
        id: newUploadId(openedMs),
        tenant,
        media_type: mediaType.data,
        bytes,
        sha256,
      };
      const { id } = record;
      const prepare = async () => {
        await createJson(store, uploadRecordKey(tenant, id), UploadRecord, record);
        return presignPut({
          key: incomingKey(tenant, id),
          mediaType: record.media_type,
          bytes,
          sha256,
          validForS: UPLOAD_TARGET_S,
        });
      };
      const target = await withinStoreLimit(LOOKUP_LIMIT_MS, 'No upload can be opened at the moment.', prepare());
      return { id, ...target, expires_at: new Date(openedMs + UPLOAD_TARGET_S * 1_000).toISOString() };
    },
    async find(tenant, id) {
      const isLate = nowMs() - timeOfUploadId(id) > UPLOAD_CLAIM_MS;
      const look = readJson(store, uploadRecordKey(tenant, id), UploadRecord);
      const record = await withinStoreLimit(LOOKUP_LIMIT_MS, 'The upload could not be looked up.', look);
      if (record === null) throw unavailable('There is no such upload.');
      if (isLate) throw unavailable('An upload can become a detection for an hour, and that is over.');
      return record;
    },
    async fetch(record) {
      const place = spool.reserve(record.bytes);
      const receive = async () => {
        const stream = await store.readStream(incomingKey(record.tenant, record.id));
        if (stream === null) return false;
        await place.fill(stream as Readable);
        return true;
      };
      try {
        const isThere = await withinStoreLimit(FETCH_LIMIT_MS, 'The upload could not be read.', receive());
        if (!isThere)
          throw unavailable('Its bytes are not there: they were not sent, or they are a detection already.');
        const { file } = place;
        if (file?.bytes !== record.bytes || file.sha256 !== record.sha256) {
          throw unavailable('Its bytes are not those that were announced.');
        }
        return { file, discard: () => place.discard() };
      } catch (error) {
        await place.discard();
        throw error;
      }
    },
    async forget({ tenant, id }) {
      await settleWithin(FORGET_LIMIT_MS, store.delete(incomingKey(tenant, id)), undefined);
    },
  };
}

const unavailable = (detail: string) => new AppError('upload_unavailable', detail);
