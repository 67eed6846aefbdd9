import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { PutGrant, PutTarget } from './object-store.ts';
import type { S3ChecksumMode } from './s3-client.ts';
import { base64Of } from './s3-put-object.ts';

/**
 * Signs a create-only PUT of known key, type and length. What is signed as a header binds: the store refuses another
 * value (403), and without the length it would take an object of any size. AWS compares the checksum as well; radosgw
 * 16.2 signs it and does not look at the bytes.
 */
export async function presignPut(
  client: S3Client,
  address: { Bucket: string; Key: string },
  checksumMode: S3ChecksumMode,
  grant: PutGrant,
): Promise<PutTarget> {
  const checksum = checksumMode === 'WHEN_SUPPORTED' ? base64Of(grant.sha256) : null;
  const headers = {
    'content-type': grant.mediaType,
    'if-none-match': '*',
    ...(checksum === null ? {} : { 'x-amz-checksum-sha256': checksum }),
  };
  const put = new PutObjectCommand({
    ...address,
    IfNoneMatch: '*',
    ContentType: grant.mediaType,
    ContentLength: grant.bytes,
    ...(checksum === null ? {} : { ChecksumSHA256: checksum }),
  });
  const names = new Set(Object.keys(headers));
  const url = await getSignedUrl(client, put, {
    expiresIn: grant.validForS,
    // The signer leaves the type out unless it is named, and moves into the address, where nobody has to keep to it,
    // what is not said to be a header.
    signableHeaders: new Set([...names, 'content-length', 'host']),
    unhoistableHeaders: names,
  });
  return { method: 'PUT', url, headers };
}
