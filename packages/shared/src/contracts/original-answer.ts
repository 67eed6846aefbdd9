import { z } from 'zod';

const OriginalModel = z.union([
  z.strictObject({ is_fake: z.boolean(), confidence: z.number(), status: z.literal('active') }),
  z.strictObject({
    is_fake: z.null(),
    confidence: z.null(),
    status: z.enum(['unavailable', 'not_applicable', 'refused', 'timed_out', 'failed']),
  }),
]);
export type OriginalModel = z.infer<typeof OriginalModel>;

/** The 200 body of `POST /api/v1/detect`, to the letter of the system that Touchstone replaces. No field may be added. */
export const OriginalAnswer = z.strictObject({
  is_fake: z.boolean().nullable(),
  confidence: z.number().nullable(),
  ensemble_mode: z.string().regex(/^[0-3]_models_active$/),
  models: z.strictObject({ sbi: OriginalModel, distildire: OriginalModel, chatgpt: OriginalModel }),
});
export type OriginalAnswer = z.infer<typeof OriginalAnswer>;
