import type { Request, RequestHandler, Response } from 'express';
import { CreateUpload, UploadTarget } from '@touchstone/shared/contracts/upload';
import { UploadId } from '@touchstone/shared/contracts/upload-id';
import { z } from 'zod';
import type { UploadClaim } from '../accept-upload.ts';
import type { Gateway } from './gateway.ts';
import { readJsonBody } from './read-json-body.ts';
import { contextOf } from './request-context.ts';
import { sendJson } from './send-body.ts';

/** `POST /api/v1/uploads`: 201 with a signed target. The address is a secret until it expires, so nobody keeps it. */
export function createUploadRoute({ uploads }: Gateway): RequestHandler {
  return async (request, response) => {
    const asked = await readJsonBody(request, response, CreateUpload);
    const target = await uploads.open(contextOf(response).tenant!, asked);
    const headers = { 'Cache-Control': 'no-store' };
    sendJson(request, response, 201, JSON.stringify(UploadTarget.parse(target)), headers);
  };
}

const MAX_FIELD = 4_096;
const Text = z.string().max(MAX_FIELD);

/** The options are those of the form. JSON may say null for what it leaves out, and give a list as a list. */
const Claim = z
  .object({ upload_id: UploadId, detectors: z.union([Text, z.array(Text).max(16)]).nullish() })
  .catchall(Text.nullable());

/** `POST /api/v1/detections` with JSON in the place of a form. */
export async function readUploadClaim(request: Request, response: Response): Promise<UploadClaim> {
  const { upload_id: uploadId, ...rest } = await readJsonBody(request, response, Claim);
  const given = Object.entries(rest).filter(([, value]) => value !== null && value !== undefined);
  return {
    uploadId,
    fields: Object.fromEntries(given.map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value])),
  };
}

export const isJson = (request: Request) =>
  /^application\/json(?:;|$)/i.test(request.get('content-type')?.trim() ?? '');
