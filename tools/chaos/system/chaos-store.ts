import { join } from 'node:path';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { openS3ObjectStore } from '@touchstone/shared/storage/s3-object-store';
import { startRadosgw } from '../../radosgw/start-radosgw.ts';

export type StoreKind = 'directory' | 's3';

/** The object store of the system under test. */
export type ChaosStore = {
  kind: StoreKind;
  /** Settings of the services. */
  env: Record<string, string>;
  /** Of the server behind an s3 store; null for a directory. */
  endpoint: string | null;
  /** The tool's own way to it, past every fault. */
  objects: ObjectStore;
  close(): Promise<void>;
};

/** A directory in `dataDir`, or a radosgw of one's own. */
export async function openChaosStore(kind: StoreKind, dataDir: string): Promise<ChaosStore> {
  if (kind === 'directory') {
    const objects = await openDirectoryObjectStore(join(dataDir, 'objects'));
    return { kind, env: {}, endpoint: null, objects, close: () => objects.close() };
  }
  const radosgw = await startRadosgw();
  const { bucket, endpoint, region, accessKeyId, secretAccessKey } = radosgw;
  const objects = openS3ObjectStore({
    bucket,
    endpoint,
    region,
    checksumMode: 'WHEN_REQUIRED',
    maxSockets: 16,
    credentials: { accessKeyId, secretAccessKey },
  });
  return {
    kind,
    env: {
      S3_BUCKET: bucket,
      S3_ENDPOINT: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
    endpoint,
    objects,
    async close() {
      await objects.close();
      await radosgw.stop();
    },
  };
}
