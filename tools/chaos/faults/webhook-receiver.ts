import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSeededRandom } from '@touchstone/fusion/seeded-random';

/** One request of a webhook, as it came. */
type Delivery = {
  webhookId: string;
  body: Buffer;
  sha256: string;
  /** Of the `webhook-timestamp` header. */
  timestampMs: number;
  isAccepted: boolean;
  /** When it came. */
  atMs: number;
};

/** A receiver of a customer that is not always well. */
export type WebhookReceiver = {
  url: string;
  /** By detection id, in the order in which they came. */
  deliveries: ReadonlyMap<string, Delivery[]>;
  close(): Promise<void>;
};

const MAX_BODY_BYTES = 65_536;

/**
 * Answers 500 to the first request of a seeded tenth of the messages. Not to the second: ours comes after 5 s, but a third
 * after 5 min (reliability.md section 4 W4), and no run waits for that.
 */
export async function openWebhookReceiver(seed: number, failureShare = 0.1): Promise<WebhookReceiver> {
  const random = createSeededRandom(seed);
  const deliveries = new Map<string, Delivery[]>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    request.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > MAX_BODY_BYTES) request.destroy();
      else parts.push(part);
    });
    request.on('error', () => undefined);
    request.on('end', () => {
      const body = Buffer.concat(parts);
      const id = idOf(body);
      const earlier = deliveries.get(id) ?? [];
      const isAccepted = earlier.length > 0 || random() >= failureShare;
      deliveries.set(id, [
        ...earlier,
        {
          webhookId: String(request.headers['webhook-id']),
          body,
          sha256: createHash('sha256').update(body).digest('hex'),
          timestampMs: 1_000 * Number(request.headers['webhook-timestamp']),
          isAccepted,
          atMs: Date.now(),
        },
      ]);
      response.writeHead(isAccepted ? 204 : 500).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    deliveries,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function idOf(body: Buffer): string {
  try {
    return String((JSON.parse(body.toString()) as { data: { id: unknown } }).data.id);
  } catch {
    return 'unreadable';
  }
}
