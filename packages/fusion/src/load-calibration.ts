import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';

/** A calibration with the digest that verdicts name it by. */
export type LoadedCalibration = { artefact: CalibrationArtefact; sha256: string };

/** The artefact that ships beside the bundles; like their paths, relative to the working directory. */
export const SHIPPED_CALIBRATION = 'models/calibration.json';
const OFF = 'none';

/**
 * The artefact that the setting `CALIBRATION_PATH` names: without one the shipped artefact where there is one, with
 * `none` nothing. A file that was named and is no artefact stops the start: verdicts must not silently lose a promise.
 */
export async function loadCalibration(setting: string | undefined): Promise<LoadedCalibration | null> {
  if (setting === OFF) return null;
  const bytes = await readFile(setting ?? SHIPPED_CALIBRATION).catch((error: NodeJS.ErrnoException) => {
    if (setting === undefined && error.code === 'ENOENT') return null;
    throw error;
  });
  if (bytes === null) return null;
  const parsed = CalibrationArtefact.safeParse(readJson(bytes.toString('utf8')));
  if (!parsed.success) throw new Error(`CALIBRATION_PATH is no calibration artefact: ${parsed.error.message}`);
  return { artefact: parsed.data, sha256: createHash('sha256').update(bytes).digest('hex') };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
