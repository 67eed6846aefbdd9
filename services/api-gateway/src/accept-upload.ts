import type { UploadId } from '@touchstone/shared/contracts/upload-id';
import type { Acceptance } from './accept-detection.ts';
import { acceptQuestion, findReplay, type Accepted } from './accept-once.ts';
import type { Asker, ChooseCallback } from './choose-callback.ts';
import type { DirectUploads } from './direct-uploads.ts';
import { inspectImage, readWishes, type Offer } from './read-question.ts';

/** Which upload is to become a detection, and what is asked of it: the fields that a form would have. */
export type UploadClaim = { uploadId: UploadId; fields: Record<string, unknown> };

/**
 * Makes a detection of an image that the client has put into the store itself. It goes the way of every other image
 * from there: through the spool, the same look at its structure and the same order of writes.
 */
export async function acceptUpload(
  deps: { acceptance: Acceptance; uploads: DirectUploads; offer: Offer; chooseCallback: ChooseCallback },
  asker: Asker,
  claim: UploadClaim,
  isHeld: boolean,
  keyHash: string | null,
): Promise<Accepted> {
  const { acceptance, uploads } = deps;
  const { tenant } = asker;
  const record = await uploads.find(tenant, claim.uploadId);
  const wishes = await readWishes(claim.fields, deps.offer, asker, deps.chooseCallback);
  // The bytes of a question that was accepted are no longer there for its repetition.
  const replay = keyHash === null ? null : await findReplay(acceptance, tenant, { ...wishes, image: record }, keyHash);
  if (replay !== null) return { record: replay, isReplay: true };
  const { file, discard } = await uploads.fetch(record);
  try {
    const image = await inspectImage(file, record.media_type);
    const question = { ...wishes, file, image, uploadId: record.id };
    const accepted = await acceptQuestion(acceptance, tenant, question, isHeld, keyHash);
    await uploads.forget(record);
    return accepted;
  } finally {
    await discard();
  }
}
