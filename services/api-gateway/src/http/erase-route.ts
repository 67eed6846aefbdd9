import type { RequestHandler } from 'express';
import { DetectionId } from '@touchstone/shared/contracts/detection-id';
import { noSuchDetection } from '../core/no-such-detection.ts';
import type { Gateway } from './gateway.ts';
import { contextOf } from './request-context.ts';

/**
 * `DELETE /api/v1/detections/{id}`: 204 when nothing is left of it but its tombstone. From then on the id answers 404,
 * also to another DELETE; one that was cut short can be repeated.
 */
export function createEraseRoute({ eraser, running }: Gateway): RequestHandler {
  return async (request, response) => {
    const context = contextOf(response);
    const id = DetectionId.safeParse(request.params['id']);
    if (!id.success) throw noSuchDetection();
    if (!(await eraser.eraseIfThere({ tenant: context.tenant!, id: id.data }))) throw noSuchDetection();
    context.detectionId = id.data;
    // Whoever posts the same image to `/detect` again asks a new question.
    running.end(id.data);
    response.status(204).end();
  };
}
