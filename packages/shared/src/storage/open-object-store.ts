import { join } from 'node:path';
import { z } from 'zod';
import { openDirectoryObjectStore } from './directory-object-store.ts';
import type { ObjectStore } from './object-store.ts';
import type { S3ChecksumMode } from './s3-client.ts';

/** Which object store a service uses, for `parseEnvironment`. Credentials are found by the SDK, never by us. */
export const OBJECT_STORE_SETTINGS = {
  /** Unset: the directory `objects` in `DATA_DIR`. */
  S3_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'not the name of a bucket')
    .optional(),
  /** A server of one's own that speaks S3; unset: AWS. */
  S3_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an http or https address' })
    .refine((address) => {
      const { username, password, search, hash } = new URL(address);
      return username + password + search + hash === '';
    }, 'must hold no credentials, query or fragment')
    .optional(),
  AWS_REGION: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/, 'not the name of a region')
    .optional(),
  /** Unset: `WHEN_SUPPORTED` on AWS, `WHEN_REQUIRED` elsewhere, where the SDK's checksums are often not understood. */
  S3_CHECKSUM_MODE: z.enum(['WHEN_SUPPORTED', 'WHEN_REQUIRED']).optional(),
};

export type S3Settings = {
  bucket: string;
  endpoint?: string | undefined;
  region: string;
  checksumMode: S3ChecksumMode;
};

export type ObjectStoreSettings = { dataDir: string; s3: S3Settings | null };

type ParsedSettings = z.infer<z.ZodObject<typeof OBJECT_STORE_SETTINGS>>;

/** What the parsed variables mean together. Throws when a bucket on AWS has no region. */
export function objectStoreSettings(env: ParsedSettings & { DATA_DIR: string }): ObjectStoreSettings {
  const { S3_BUCKET: bucket, S3_ENDPOINT: endpoint, AWS_REGION: region, S3_CHECKSUM_MODE: checksumMode } = env;
  if (bucket === undefined) return { dataDir: env.DATA_DIR, s3: null };
  if (region === undefined && endpoint === undefined) {
    throw new Error('bad settings:\n  AWS_REGION: needed with S3_BUCKET, unless there is an S3_ENDPOINT');
  }
  return {
    dataDir: env.DATA_DIR,
    s3: {
      bucket,
      endpoint,
      region: region ?? 'us-east-1',
      checksumMode: checksumMode ?? (endpoint === undefined ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED'),
    },
  };
}

const MAX_SOCKETS = 64;

/** The bucket when there is one, else the directory `objects` in `dataDir`. */
export async function openObjectStore({ dataDir, s3 }: ObjectStoreSettings): Promise<ObjectStore> {
  if (s3 === null) return openDirectoryObjectStore(join(dataDir, 'objects'));
  // Loaded on demand: the SDK costs every process of the local default start-up time and memory for nothing.
  const { openS3ObjectStore } = await import('./s3-object-store.ts');
  return openS3ObjectStore({ ...s3, maxSockets: MAX_SOCKETS });
}
