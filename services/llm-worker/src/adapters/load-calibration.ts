import { readFile } from 'node:fs/promises';
import { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';

/** Reads a calibration artefact; a file that is there but no artefact stops the start. */
export async function loadCalibration(path: string): Promise<CalibrationArtefact> {
  const parsed = CalibrationArtefact.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (!parsed.success) throw new Error(`CALIBRATION_PATH is no calibration artefact: ${parsed.error.message}`);
  return parsed.data;
}
