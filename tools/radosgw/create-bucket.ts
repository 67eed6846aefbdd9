import { createHash, createHmac } from 'node:crypto';

const EMPTY_SHA256 = createHash('sha256').digest('hex');
const REQUEST_LIMIT_MS = 20_000;

/** Makes a bucket with a request signed here (AWS Signature Version 4), so that tools/ need no SDK. */
export async function createBucket(options: {
  endpoint: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
}): Promise<void> {
  const url = new URL(`/${options.bucket}`, options.endpoint);
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = [stamp.slice(0, 8), 'us-east-1', 's3', 'aws4_request'];
  const signed: Record<string, string> = {
    host: url.host,
    'x-amz-content-sha256': EMPTY_SHA256,
    'x-amz-date': stamp,
  };
  const names = Object.keys(signed).join(';');
  const lines = Object.entries(signed).map(([name, value]) => `${name}:${value}\n`);
  const canonical = ['PUT', url.pathname, '', lines.join(''), names, EMPTY_SHA256].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', stamp, scope.join('/'), createHash('sha256').update(canonical).digest('hex')];
  const key = scope.reduce<string | Buffer>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${options.secretAccessKey}`,
  );
  const signature = createHmac('sha256', key).update(toSign.join('\n')).digest('hex');
  const response = await fetch(url, {
    method: 'PUT',
    headers: {
      'x-amz-content-sha256': EMPTY_SHA256,
      'x-amz-date': stamp,
      authorization: `AWS4-HMAC-SHA256 Credential=${options.accessKeyId}/${scope.join('/')}, SignedHeaders=${names}, Signature=${signature}`,
    },
    signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`making the bucket ${options.bucket} failed with status ${response.status}`);
}
