import { extname } from 'node:path';

/**
 * Address of the entry file of a thread or child next to the caller. It takes the caller's own extension, because tsc
 * leaves `new URL('./x.ts', …)` as it is and `dist/` holds no `.ts`.
 */
export function childEntry(caller: ImportMeta, nameWithoutExtension: string): URL {
  return new URL(`./${nameWithoutExtension}${extname(caller.filename)}`, caller.url);
}
