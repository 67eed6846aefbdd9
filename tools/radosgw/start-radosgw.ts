import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createBucket } from './create-bucket.ts';

const START_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 10_000;

export type Radosgw = {
  endpoint: string;
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Ends it; everything that it stored is gone. */
  stop(): Promise<void>;
};

/**
 * A real S3 server of one's own: Ceph's radosgw on free loopback ports, its data in memory, with a user and an empty
 * bucket. It ends with this process, however that ends. Ask `isRadosgwInstalled` first.
 */
export async function startRadosgw(): Promise<Radosgw> {
  const folder = await mkdtemp(join(tmpdir(), 'radosgw-'));
  const [monPort, s3Port] = await findFreePorts();
  const keys = { accessKeyId: randomBytes(10).toString('hex'), secretAccessKey: randomBytes(20).toString('hex') };
  const script = join(import.meta.dirname, 'run-radosgw.sh');
  // The open pipe to its standard input is what ends it when this process is killed.
  const child = spawn('bash', [script, folder, String(monPort), String(s3Port)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, RADOSGW_ACCESS_KEY: keys.accessKeyId, RADOSGW_SECRET_KEY: keys.secretAccessKey },
  });
  child.stdin.on('error', () => {});
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await exited;
    clearTimeout(limit);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const endpoint = await untilReady(child.stdout, child.stderr);
    const bucket = `touchstone-${randomBytes(4).toString('hex')}`;
    await createBucket({ endpoint, bucket, ...keys });
    return { endpoint, region: 'us-east-1', bucket, ...keys, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Gives the address of the `ready` line; the pipes are drained ever after, or the child would block on a full one. */
function untilReady(stdout: NodeJS.ReadableStream, stderr: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    const complaints: string[] = [];
    const fail = (reason: string) => reject(new Error([`radosgw ${reason}`, ...complaints.slice(-12)].join('\n')));
    const limit = setTimeout(() => fail(`was not ready within ${START_LIMIT_MS} ms`), START_LIMIT_MS);
    createInterface({ input: stderr }).on('line', (line) => complaints.push(line));
    createInterface({ input: stdout })
      .on('line', (line) => {
        const address = /^ready (\S+)$/.exec(line)?.[1];
        if (address === undefined) return;
        clearTimeout(limit);
        resolve(address);
      })
      .on('close', () => {
        clearTimeout(limit);
        fail('ended before it was ready');
      });
  });
}

/** Two ports that were free a moment ago: neither Ceph daemon can be told to choose one and say which. */
async function findFreePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const;
  const ports = await Promise.all(
    servers.map(async (server) => {
      await once(server.listen(0, '127.0.0.1'), 'listening');
      return (server.address() as AddressInfo).port;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return [ports[0]!, ports[1]!];
}
