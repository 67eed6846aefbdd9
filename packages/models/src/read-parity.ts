import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** `parity.json` of a bundle: what the training framework answered for the first region of real pictures. */
const Parity = z.strictObject({
  format: z.literal(1),
  weights_sha256: z.string(),
  /** Pictures, which are not part of the bundle, by their path in the folder of training data. */
  cases: z.array(z.strictObject({ file: z.string(), probability: z.number().min(0).max(1) })).min(1),
});
export type Parity = z.infer<typeof Parity>;

/** Throws when the bundle has none, or when it belongs to other weights. */
export async function readParity(folder: string, weightsSha256: string): Promise<Parity> {
  const parity = Parity.parse(JSON.parse(await readFile(join(folder, 'parity.json'), 'utf8')));
  if (parity.weights_sha256 !== weightsSha256) throw new Error('parity.json belongs to other weights');
  return parity;
}
