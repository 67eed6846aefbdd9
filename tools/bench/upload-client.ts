import { Agent, request } from 'node:http';

const BOUNDARY = '----touchstone-bench';

/** Asks one server, over connections that are kept. */
export type UploadClient = {
  /** Sends the image and resolves with the answer's JSON; rejects on any status but 2xx. */
  post(path: string): Promise<unknown>;
  get(path: string): Promise<void>;
  close(): void;
};

export function openUploadClient(url: string, image: Uint8Array, timeoutMs: number): UploadClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 1_000 });
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`;
  const form = Buffer.concat([Buffer.from(head), image, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]);
  const formHeaders = {
    'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
    'content-length': String(form.length),
  };

  const ask = (method: string, path: string, headers: Record<string, string>, body?: Buffer): Promise<string> =>
    new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const asked = request(new URL(path, url), { method, agent, headers, signal }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const status = answer.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(text);
          else reject(new Error(`${method} ${path} was answered ${status}: ${text.slice(0, 200)}`));
        });
      });
      asked.on('error', reject);
      asked.end(body);
    });

  return {
    post: async (path) => JSON.parse(await ask('POST', path, formHeaders, form)) as unknown,
    get: async (path) => void (await ask('GET', path, {})),
    close: () => agent.destroy(),
  };
}
