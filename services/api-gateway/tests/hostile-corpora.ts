import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Fuzzer corpora of the shared material; null when it is not there. */
export function findHostileCorpora(): string | null {
  const shared = process.env['TOUCHSTONE_SHARED'] ?? join(import.meta.dirname, '../../../../shared');
  const folder = join(shared, 'fixtures/hostile');
  return existsSync(folder) ? folder : null;
}

/** The files of a tar archive (POSIX ustar, names of up to 100 bytes). */
export function* filesOfArchive(path: string): Generator<{ name: string; bytes: Buffer }> {
  const archive = gunzipSync(readFileSync(path));
  for (let at = 0; at + 512 <= archive.length;) {
    const head = archive.subarray(at, at + 512);
    const name = head.toString('latin1', 0, 100).replace(/\0.*$/s, '');
    if (name === '') return;
    const bytes = Number.parseInt(head.toString('latin1', 124, 136), 8);
    if (head[156] === 0x30) yield { name, bytes: archive.subarray(at + 512, at + 512 + bytes) };
    at += 512 + Math.ceil(bytes / 512) * 512;
  }
}
