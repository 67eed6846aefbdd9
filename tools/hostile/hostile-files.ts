import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export type HostileFile = { name: string; bytes: Buffer };

const ARCHIVE = /\.(?:tar\.gz|tgz)$/;
/** A bomb among the archives must not be the end of the run. */
const MAX_ARCHIVE_BYTES = 1_000_000_000;

/** Every file below a path in the order of the names, archives taken apart; one file in memory at a time. */
export function* hostileFilesBelow(path: string): Generator<HostileFile> {
  if (statSync(path).isFile()) {
    if (ARCHIVE.test(path)) yield* filesOfArchive(path);
    else yield { name: path, bytes: readFileSync(path) };
    return;
  }
  for (const entry of readdirSync(path, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.isFile() || entry.isDirectory()) yield* hostileFilesBelow(join(path, entry.name));
  }
}

/** The plain files of a tar archive (POSIX ustar, names of up to 100 bytes). */
export function* filesOfArchive(path: string): Generator<HostileFile> {
  const archive = gunzipSync(readFileSync(path), { maxOutputLength: MAX_ARCHIVE_BYTES });
  for (let at = 0; at + 512 <= archive.length;) {
    const head = archive.subarray(at, at + 512);
    const name = head.toString('latin1', 0, 100).replace(/\0.*$/s, '');
    if (name === '') return;
    const length = Number.parseInt(head.toString('latin1', 124, 136), 8);
    const isPlain = head[156] === 0x30 || head[156] === 0;
    if (isPlain) yield { name: `${path}:${name}`, bytes: archive.subarray(at + 512, at + 512 + length) };
    at += 512 + Math.ceil(length / 512) * 512;
  }
}
