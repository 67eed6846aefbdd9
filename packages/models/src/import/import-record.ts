import { z } from 'zod';
import { GraphSpec } from '../manifest.ts';
import { PARTS } from './licence-terms.ts';

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** `import-{part}.json` beside the graph: what it was made of, and who accepted which terms. */
export const ImportRecord = z.strictObject({
  format: z.literal(1),
  part: z.enum(PARTS),
  importer: z.string(),
  imported_at: z.iso.datetime(),
  source: z.strictObject({
    /** Bare name of the file, without its folders. */
    file: z.string().max(255),
    sha256: Sha256,
    bytes: z.int().min(1),
    container: z.enum(['zip', 'legacy']),
  }),
  /** The inputs of `graph` map to `image` or to what another part gives. */
  graph: GraphSpec,
  licence: z.strictObject({
    id: z.string(),
    accepted_by: z.string().max(255),
    accepted_at: z.iso.datetime(),
    accepted_how: z.enum(['asked', 'flag']),
    /** Of the terms as they were shown. */
    terms_sha256: Sha256,
  }),
});
export type ImportRecord = z.infer<typeof ImportRecord>;

export const recordFileOf = (part: ImportRecord['part']) => `import-${part}.json`;
