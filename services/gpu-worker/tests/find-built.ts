import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A file of this service's `dist/`, which jest's global setup builds: tests that built would write over each other. */
export function findBuilt(file: string): URL {
  const path = join(import.meta.dirname, '../dist', file);
  if (!existsSync(path)) {
    throw new Error(`services/gpu-worker/dist/${file} is missing: run tsc -b services/gpu-worker/tsconfig.build.json`);
  }
  return pathToFileURL(path);
}
