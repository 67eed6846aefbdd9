import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import type { LoadedCalibration } from '../core/build-verdict.ts';

/** Reads a calibration artefact; a file that is there but no artefact stops the start. */
export async function loadCalibration(path: string): Promise<LoadedCalibration> {
  const bytes = await readFile(path);
  const parsed = CalibrationArtefact.safeParse(JSON.parse(bytes.toString('utf8')));
  if (!parsed.success) throw new Error(`CALIBRATION_PATH is no calibration artefact: ${parsed.error.message}`);
  return { artefact: parsed.data, sha256: createHash('sha256').update(bytes).digest('hex') };
}
