import type { Request, Response } from 'express';
import { createHash } from 'node:crypto';
import type { DetectionAnswer } from '../adapters/detection-reader.ts';

/** Sends text with its length; for HEAD the same headers alone. */
export function sendBody(
  request: Request,
  response: Response,
  status: number,
  type: string,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.status(status).set(headers);
  response.setHeader('Content-Type', `${type}; charset=utf-8`);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(request.method === 'HEAD' ? undefined : body);
}

export const sendJson = (
  request: Request,
  response: Response,
  status: number,
  body: string,
  headers?: Record<string, string>,
) => sendBody(request, response, status, 'application/json', body, headers);

/** Sends a representation, or 304 when the client has it. */
export function sendTagged(
  request: Request,
  response: Response,
  type: string,
  { body, etag }: Pick<DetectionAnswer, 'body' | 'etag'>,
  headers: Record<string, string>,
): void {
  if (!matchesTag(request.headers['if-none-match'], etag)) {
    sendBody(request, response, 200, type, body, { ...headers, ETag: etag });
  } else {
    response
      .status(304)
      .set({ ...headers, ETag: etag })
      .end();
  }
}

/** RFC 9110 13.1.2: the comparison is weak, so a tag that a proxy weakened still matches. */
function matchesTag(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim()));
}

export const tagOf = (body: string) => `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
