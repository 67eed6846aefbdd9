import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import type { S3Settings } from '@touchstone/shared/storage/open-object-store';
import { S3CallError } from '@touchstone/shared/storage/s3-failure';
import { fail, ok, warn, type Facts, type Finding } from './finding.ts';
import { tryStore } from './try-store.ts';

/** A bucket that answers no faster is of no use to a gateway that has to answer within a second. */
const CALL_LIMITS = { attempts: 2, attemptTimeoutMs: 4_000, callTimeoutMs: 6_000 };
/** The smallest for which the SDK would choose chunks with a trailer, and more than one read of the file. */
const FILE_BYTES = 600_000;
const PUT_LIMIT_MS = 5_000;

const IGNORES_CONDITIONS =
  'Use a server that honours If-None-Match: * on PUT (AWS S3, Ceph radosgw); most emulators do not, and verdicts would be overwritten.';
const CHECKSUM_ADVICE =
  'Set S3_CHECKSUM_MODE=WHEN_REQUIRED (most servers of one’s own) or WHEN_SUPPORTED (AWS), whichever it is not now.';

/** What an error of the store asks for. */
const ADVICE: Record<string, string> = {
  NoSuchBucket: 'Create the bucket, or correct S3_BUCKET: Touchstone makes none.',
  InvalidAccessKeyId: 'Correct the credentials: the store does not know this access key.',
  SignatureDoesNotMatch: 'Correct the credentials: the secret does not belong to the access key.',
  ExpiredToken: 'Renew the session: its token has expired.',
  CredentialsProviderError:
    'Give credentials the AWS way: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role of the machine.',
  AccessDenied: 'Allow s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket on the bucket.',
  PermanentRedirect: 'Set AWS_REGION to the region of the bucket.',
  AuthorizationHeaderMalformed: 'Set AWS_REGION to the region of the bucket.',
  RequestTimeTooSkewed: 'Set the clock of this machine: the store refuses signatures of another time.',
  NotImplemented: IGNORES_CONDITIONS,
  MissingContentLength: CHECKSUM_ADVICE,
  XAmzContentSHA256Mismatch: CHECKSUM_ADVICE,
  BadDigest: CHECKSUM_ADVICE,
  InvalidDigest: CHECKSUM_ADVICE,
};
const UNREACHABLE = 'Correct S3_ENDPOINT, or start the server there; look at DNS, routes and firewalls.';
const UNEXPECTED = 'Look at the logs of the store; its request id is in the text.';

/** Does to the bucket what the services do, with objects below `doctor/` that it takes away again. */
export async function checkBucket(settings: S3Settings): Promise<Finding[]> {
  const facts = { bucket: settings.bucket, endpoint: settings.endpoint ?? 'AWS', checksum_mode: settings.checksumMode };
  const { openS3ObjectStore } = await import('@touchstone/shared/storage/s3-object-store');
  const store = openS3ObjectStore({ ...settings, maxSockets: 4, limits: CALL_LIMITS });
  try {
    const tried = await tryStore(store, {
      subject: `the bucket ${settings.bucket}`,
      writeAdvice: CHECKSUM_ADVICE,
      createOnlyAdvice: IGNORES_CONDITIONS,
    });
    const [first] = tried;
    if (first?.state !== 'ok') return tried.map((finding) => withFacts(finding, facts));
    return [withFacts(first, facts), ...(await tryFile(store, facts)), ...(await tryTarget(store))];
  } catch (error) {
    return [describeBucketError(error, facts)];
  } finally {
    await store.close();
  }
}

const withFacts = (finding: Finding, facts: Facts): Finding => ({ ...finding, facts: { ...facts, ...finding.facts } });

/** An upload goes as a file of known digest, which not every server takes the way that the SDK sends it. */
async function tryFile(store: ObjectStore, facts: Facts): Promise<Finding[]> {
  const folder = await mkdtemp(join(tmpdir(), 'touchstone-doctor-'));
  const key = `doctor/${randomUUID()}`;
  try {
    const body = randomBytes(FILE_BYTES);
    const path = join(folder, 'upload');
    await writeFile(path, body);
    await store.create(key, { path, bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') });
    const [stored, listed] = [await store.read(key), await store.list(key, null, 1)];
    if (stored === null || !body.equals(stored)) {
      return [
        fail('store-upload', 'a file that was stored does not read back as it was written', CHECKSUM_ADVICE, facts),
      ];
    }
    if (listed[0]?.key === key) return [];
    const what = 'an object that was stored is not in the listing';
    return [fail('store-upload', what, 'Allow s3:ListBucket; the sweeper finds what is owed by listing.', facts)];
  } finally {
    await store.delete(key).catch(() => undefined);
    await rm(folder, { recursive: true });
  }
}

/** Without targets, clients still upload through the gateway: that they do not work is no reason not to start. */
async function tryTarget(store: ObjectStore): Promise<Finding[]> {
  const key = `doctor/${randomUUID()}`;
  const body = Buffer.from('put by npm run doctor');
  const sha256 = createHash('sha256').update(body).digest('hex');
  const grant = { key, mediaType: 'image/png', bytes: body.length, sha256, validForS: 60 };
  const advice = 'Direct uploads (POST /api/v1/uploads) will not work; uploads through the gateway do.';
  try {
    const { url, method, headers } = await store.presignPut!(grant);
    const put = async (more: Record<string, string> = {}) => {
      const signal = AbortSignal.timeout(PUT_LIMIT_MS);
      const answer = await fetch(url, { method, headers: { ...headers, ...more }, body, signal });
      await answer.arrayBuffer();
      return answer.status;
    };
    const [foreign, first, second] = [await put({ 'content-type': 'text/html' }), await put(), await put()];
    const statuses = { other_type: foreign, first, second };
    if (foreign < 400 || second < 400) {
      return [
        fail('store-targets', 'signed targets take more than they were signed for', IGNORES_CONDITIONS, statuses),
      ];
    }
    if (first >= 400) return [warn('store-targets', `a signed target answers ${first}`, advice, statuses)];
    return [ok('store-targets', 'signed targets take one object of their type, once', statuses)];
  } catch (error) {
    // A message may hold the address, which is signed.
    return [warn('store-targets', `a signed target cannot be used (${(error as Error).name})`, advice)];
  } finally {
    await store.delete(key).catch(() => undefined);
  }
}

export function describeBucketError(error: unknown, facts: Facts): Finding {
  if (!(error instanceof S3CallError)) throw error;
  const { code, status, message } = error;
  const known = ADVICE[code] ?? (status === null ? UNREACHABLE : status === 403 ? ADVICE['AccessDenied']! : UNEXPECTED);
  return fail('store', `the bucket cannot be used: ${message}`, known, { ...facts, code, status });
}
