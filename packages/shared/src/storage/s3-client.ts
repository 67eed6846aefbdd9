import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';

/** When the SDK adds checksums of its own to requests and checks those of answers. */
export type S3ChecksumMode = 'WHEN_SUPPORTED' | 'WHEN_REQUIRED';

export type S3ClientOptions = {
  region: string;
  /** Unset means AWS. */
  endpoint?: string | undefined;
  /** Unset means true with an endpoint of one's own, whose bucket names have no DNS entries. */
  forcePathStyle?: boolean | undefined;
  checksumMode: S3ChecksumMode;
  /** Connections kept open to the store; more requests wait for a free one. */
  maxSockets: number;
  /** Unset means the SDK's own search: environment, shared files, web identity, container, instance. */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | undefined;
};

/** A client that sends each request once: deadlines and repetitions are those of `createS3Calls`. */
export function openS3Client(options: S3ClientOptions): S3Client {
  const agent = { keepAlive: true, maxSockets: options.maxSockets };
  return new S3Client({
    region: options.region,
    // The SDK's own would warn on the console of a failed stream, and wrap what Node threw.
    retryStrategy: { retry: (next, args) => next(args) },
    forcePathStyle: options.forcePathStyle ?? options.endpoint !== undefined,
    requestChecksumCalculation: options.checksumMode,
    responseChecksumValidation: options.checksumMode,
    // The handler neither waits for `100 Continue` with an agent of ours nor keeps the connection with one of its own.
    expectContinueHeader: false,
    requestHandler: new NodeHttpHandler({
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
      // Otherwise it would warn on the console when all sockets are busy.
      logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
    }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
  });
}
