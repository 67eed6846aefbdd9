import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppError } from '@touchstone/shared/contracts/failure';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { UPLOAD_CLAIM_MS, UPLOAD_TARGET_S } from '@touchstone/shared/contracts/upload';
import { newUploadId, type UploadId } from '@touchstone/shared/contracts/upload-id';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { readJson } from '@touchstone/shared/storage/json-object';
import { incomingKey, requestKey, uploadKey, uploadRecordKey } from '@touchstone/shared/storage/keys';
import type { ObjectStore, PutGrant } from '@touchstone/shared/storage/object-store';
import { jpegOf } from '../tests/tiny-images.ts';
import type { Acceptance } from './accept-detection.ts';
import { acceptUpload } from './accept-upload.ts';
import { openSpool, type Spool } from './adapters/spool-storage.ts';
import { createDirectUploads } from './direct-uploads.ts';

const KEY = 'c'.repeat(64);
const image = jpegOf(20, 30);
const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The client puts its bytes into the store as a target would let it; targets themselves are the store's to prove. */
describe('an image that the client has put into the store itself', () => {
  let dir: string;
  let store: ObjectStore;
  let spool: Spool;
  let granted: PutGrant[];
  let nowMs: number;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'accept-upload-'));
    granted = [];
    nowMs = Date.now();
    store = {
      ...(await openDirectoryObjectStore(join(dir, 'objects'))),
      presignPut: async (grant) => {
        granted.push(grant);
        return { method: 'PUT', url: 'https://bucket.example/key?signed', headers: { 'if-none-match': '*' } };
      },
    };
    spool = await openSpool(join(dir, 'spool'), 1_000_000, () => undefined);
  });
  afterEach(async () => {
    spool.close();
    await rm(dir, { recursive: true });
  });

  const uploads = () => createDirectUploads({ store, spool, nowMs: () => nowMs });
  const open = (more: { bytes?: number; media_type?: string; sha256?: string } = {}) =>
    uploads().open('acme', { media_type: 'image/jpeg', bytes: image.length, sha256: digestOf(image), ...more });
  /** An upload whose bytes are there; they are other ones than announced where a test says so. */
  const uploaded = async (bytes: Buffer = image, announced: Buffer = bytes, mediaType = 'image/jpeg') => {
    const { id } = await open({ media_type: mediaType, bytes: announced.length, sha256: digestOf(announced) });
    await store.create(incomingKey('acme', id), bytes);
    return id;
  };
  const accept = (
    uploadId: UploadId,
    more: { fields?: Record<string, string>; keyHash?: string; tenant?: string } = {},
  ) => {
    const acceptance: Acceptance = {
      store,
      enqueue: async () => undefined,
      erase: async () => undefined,
      abandoned: new Set(),
      nowMs: () => nowMs,
    };
    const offer = { slots: ['sbi' as const], llmPolicy: 'off' as const, operatingPoints: async () => [] };
    return acceptUpload(
      { acceptance, uploads: uploads(), offer, chooseCallback: async () => undefined },
      { tenant: more.tenant ?? 'acme', isAnonymous: false },
      { uploadId, fields: more.fields ?? {} },
      false,
      more.keyHash ?? null,
    );
  };
  const refusalOf = (work: Promise<unknown>) =>
    work.then(
      () => 'accepted',
      (error: unknown) => (error as AppError).code,
    );
  const keysOf = async () => (await store.list('', null, 100)).map(({ key }) => key);

  it('gets a target for exactly the object that was announced', async () => {
    const target = await open();
    expect(target).toMatchObject({ method: 'PUT', url: expect.any(String), headers: { 'if-none-match': '*' } });
    expect(Date.parse(target.expires_at)).toBe(nowMs + UPLOAD_TARGET_S * 1_000);
    expect(granted).toEqual([
      {
        key: incomingKey('acme', target.id),
        mediaType: 'image/jpeg',
        bytes: image.length,
        sha256: digestOf(image),
        validForS: UPLOAD_TARGET_S,
      },
    ]);
  });

  it.each([
    ['a type that is not accepted', { media_type: 'image/gif' }, 'unsupported_media_type'],
    ['more bytes than are accepted', { bytes: 26_214_401 }, 'payload_too_large'],
  ])('gets no target for %s', async (_, more, code) => {
    expect(await refusalOf(open(more))).toBe(code);
    expect([granted, await keysOf()]).toEqual([[], []]);
  });

  it('gets no target where only we can write to the store', async () => {
    store = { ...store, presignPut: null };
    expect(uploads().isOffered).toBe(false);
    expect(await refusalOf(open())).toBe('direct_upload_unavailable');
    expect(await keysOf()).toEqual([]);
  });

  it('becomes a detection like every other, and is there once', async () => {
    const uploadId = await uploaded();
    const { record, isReplay } = await accept(uploadId, { fields: { external_id: 'e-1' } });
    expect(isReplay).toBe(false);
    const { tenant, id } = record;
    expect(await readJson(store, requestKey(tenant, id), RequestRecord)).toMatchObject({
      tenant: 'acme',
      image: { sha256: digestOf(image), media_type: 'image/jpeg', width: 20, height: 30, declared_media_type: null },
      options: { external_id: 'e-1' },
      upload_id: uploadId,
    });
    expect(Buffer.from((await store.read(uploadKey(tenant, id)))!)).toEqual(image);
    const prefixes = (await keysOf()).map((key) => key.split('/')[0]);
    expect(prefixes).toEqual(['incoming', 'index', 'pending', 'requests', 'uploads']);
    expect(await store.head(uploadRecordKey(tenant, uploadId))).not.toBeNull();
    expect([await readdir(join(dir, 'spool')), spool.bytesInFlight]).toEqual([[], 0]);
  });

  it('is of the type that its bytes have, and the announced one is evidence', async () => {
    const { record } = await accept(await uploaded(image, image, 'image/png'));
    expect(record.image).toMatchObject({ media_type: 'image/jpeg', declared_media_type: 'image/png' });
  });

  it('is refused when its bytes are no image, and nothing of a detection is stored', async () => {
    const uploadId = await uploaded(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'));
    expect(await refusalOf(accept(uploadId))).toBe('unsupported_media_type');
    expect((await keysOf()).every((key) => key.startsWith('incoming/'))).toBe(true);
    expect([await readdir(join(dir, 'spool')), spool.bytesInFlight]).toEqual([[], 0]);
  });

  it.each([
    ['shorter', image.subarray(0, -1)],
    ['other bytes of the same length', jpegOf(21, 30)],
  ])('is refused when what arrived is %s than what was announced', async (_, bytes) => {
    expect(await refusalOf(accept(await uploaded(bytes, image)))).toBe('upload_unavailable');
    expect([await readdir(join(dir, 'spool')), spool.bytesInFlight]).toEqual([[], 0]);
  });

  it('is refused before its bytes are there, after an hour, and once it is a detection', async () => {
    const early = await open();
    expect(await refusalOf(accept(early.id))).toBe('upload_unavailable');
    const used = await uploaded();
    await accept(used);
    expect(await refusalOf(accept(used))).toBe('upload_unavailable');
    const late = await uploaded();
    nowMs += UPLOAD_CLAIM_MS + 1;
    expect(await refusalOf(accept(late))).toBe('upload_unavailable');
  });

  it('of another tenant is like one that never was', async () => {
    const uploadId = await uploaded();
    const tell = (work: Promise<unknown>) => work.catch((error: unknown) => (error as Error).message);
    const [theirs, none] = [accept(uploadId, { tenant: 'other' }), accept(newUploadId(nowMs), { tenant: 'other' })];
    expect(await tell(theirs)).toBe(await tell(none));
    expect(await store.head(incomingKey('acme', uploadId))).not.toBeNull();
  });

  it('is found again by a repeated request with its key, though its bytes are gone', async () => {
    const uploadId = await uploaded();
    const first = await accept(uploadId, { keyHash: KEY });
    const second = await accept(uploadId, { keyHash: KEY });
    expect([first.isReplay, second.isReplay, second.record.id]).toEqual([false, true, first.record.id]);
    const other = accept(uploadId, { keyHash: KEY, fields: { external_id: 'other' } });
    expect(await refusalOf(other)).toBe('idempotency_key_reused');
  });

  it('waits outside while too many bytes are underway', async () => {
    const uploadId = await uploaded();
    const others = spool.reserve(1_000_000);
    expect(await refusalOf(accept(uploadId))).toBe('overloaded');
    await others.discard();
    expect((await accept(uploadId)).isReplay).toBe(false);
  });

  it('is told that the store is to blame when its bytes cannot be read', async () => {
    const uploadId = await uploaded();
    store = {
      ...store,
      readStream: async () => {
        throw Object.assign(new Error('broken'), { syscall: 'read' });
      },
    };
    expect(await refusalOf(accept(uploadId))).toBe('store_unavailable');
    expect([await readdir(join(dir, 'spool')), spool.bytesInFlight]).toEqual([[], 0]);
  });
});
