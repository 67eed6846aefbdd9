import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { ImportError } from './import-error.ts';
import { readTar, type TarEntry } from './read-tar.ts';

/** A checkpoint of the deployment archive, unpacked to `path`. */
export type UnpackedFile = { slot: 'sbi' | 'distildire'; name: string; path: string; sha256: string; bytes: number };

export type UnpackOptions = {
  archive: string;
  /** An existing folder; files in it get names of our own, so no name of the archive reaches the disk. */
  folder: string;
  maxBytes?: number;
  maxEntries?: number;
  signal?: AbortSignal;
};

const ROOT = 'deployment_package';
const CHECKSUMS = [`${ROOT}/SHA256SUMS`, `${ROOT}/models/SHA256SUMS`];

/** All published weights together have 3 GB. */
const MAX_BYTES = 16 * 2 ** 30;
const MAX_ENTRIES = 10_000;
const MAX_CHECKSUM_BYTES = 2 ** 20;
/** Weights hardly compress; what grows more than this beyond the first megabytes was made to fill a disk. */
const MAX_RATIO = 100;
const RATIO_FREE_BYTES = 64 * 2 ** 20;

/**
 * Unpacks the checkpoints of `deployment_package/models/{sbi,distildire}` and nothing else. An archive with an absolute
 * path, a `..`, a link or a device anywhere in it is refused as a whole: nobody makes one by accident. Where it brings a
 * SHA256SUMS, every checkpoint must be in it.
 */
export async function unpackDeployment(options: UnpackOptions): Promise<UnpackedFile[]> {
  const files: UnpackedFile[] = [];
  let checksums: Map<string, string> | null = null;
  let entryCount = 0;
  for await (const entry of readTar(inflate(options))) {
    options.signal?.throwIfAborted();
    if (++entryCount > (options.maxEntries ?? MAX_ENTRIES)) throw new ImportError('the archive has too many entries');
    const path = safePath(entry);
    if (entry.kind !== 'file') continue;
    if (CHECKSUMS.includes(path)) checksums = await readChecksums(entry, path);
    const slot = /^deployment_package\/models\/(sbi|distildire)\/(?:.*\/)?(?!\._)[^/]+$/.exec(path)?.[1];
    if (slot === undefined) continue;
    const target = join(options.folder, `${files.length}.checkpoint`);
    const written = await writeCheckpoint(entry, target);
    if (written !== null) files.push({ slot: slot as UnpackedFile['slot'], name: path, path: target, ...written });
  }
  for (const { name, sha256 } of checksums === null ? [] : files) {
    const stated = checksums?.get(name);
    if (stated !== sha256) {
      throw new ImportError(
        `${name} is ${stated === undefined ? 'not in' : 'not the file of'} the SHA256SUMS of the archive`,
      );
    }
  }
  if (files.length === 0)
    throw new ImportError(`the archive holds no checkpoint in ${ROOT}/models/sbi or ${ROOT}/models/distildire`);
  return files;
}

/** The archive's bytes, with an end to how far they may grow. */
async function* inflate({ archive, maxBytes = MAX_BYTES }: UnpackOptions): AsyncGenerator<Buffer> {
  const file = createReadStream(archive);
  const gunzip = createGunzip();
  file.on('error', (error) => gunzip.destroy(error));
  let total = 0;
  try {
    for await (const piece of file.pipe(gunzip) as AsyncIterable<Buffer>) {
      total += piece.length;
      if (total > maxBytes) throw new ImportError(`the archive unpacks to more than ${maxBytes} bytes`);
      if (total > RATIO_FREE_BYTES && total > MAX_RATIO * gunzip.bytesWritten) {
        throw new ImportError(`the archive grows more than ${MAX_RATIO} times: it was made to fill a disk`);
      }
      yield piece;
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!code.startsWith('Z_')) throw error;
    throw new ImportError(
      code === 'Z_BUF_ERROR' ? 'the archive is cut short' : 'the archive is damaged: gzip cannot unpack it',
    );
  } finally {
    file.destroy();
    gunzip.destroy();
  }
}

/** The path of an entry without `./`; throws on everything that could lead out of a folder. */
function safePath({ name, kind }: TarEntry): string {
  const shown = JSON.stringify(name.slice(0, 80));
  if (kind === 'link') throw new ImportError(`the archive holds a link, ${shown}`);
  if (kind === 'other') throw new ImportError(`the archive holds ${shown}, which is neither file nor folder`);
  const parts = name.split('/').filter((part) => part !== '.' && part !== '');
  if (name.startsWith('/') || /[\\\0]/.test(name) || /^[A-Za-z]:/.test(name) || parts.includes('..')) {
    throw new ImportError(`the archive holds the path ${shown}, which leads out of it`);
  }
  return parts.join('/');
}

/** Writes an entry that starts as a checkpoint does; null for any other, of which nothing is left on the disk. */
async function writeCheckpoint(entry: TarEntry, target: string): Promise<{ sha256: string; bytes: number } | null> {
  const hash = createHash('sha256');
  let file = null;
  try {
    let head = Buffer.alloc(0);
    for await (const piece of entry.content()) {
      let next = piece;
      if (file === null) {
        head = Buffer.concat([head, piece]);
        if (head.length < 4 && head.length < entry.size) continue;
        const isCheckpoint = head.toString('latin1', 0, 4) === 'PK\x03\x04' || (head[0] === 0x80 && head[1] === 0x02);
        if (!isCheckpoint) return null;
        file = await open(target, 'wx', 0o600);
        next = head;
      }
      hash.update(next);
      await file.writeFile(next);
    }
  } finally {
    await file?.close();
  }
  return file === null ? null : { sha256: hash.digest('hex'), bytes: entry.size };
}

/** Lines of `sha256sum`; names are relative to the folder of the file. */
async function readChecksums(entry: TarEntry, path: string): Promise<Map<string, string>> {
  if (entry.size > MAX_CHECKSUM_BYTES) throw new ImportError('the SHA256SUMS of the archive is too long');
  const pieces: Buffer[] = [];
  for await (const piece of entry.content()) pieces.push(piece);
  const folder = path.slice(0, path.lastIndexOf('/'));
  const sums = new Map<string, string>();
  for (const line of Buffer.concat(pieces).toString('utf8').split('\n')) {
    const match = /^([0-9a-f]{64}) [ *](?:\.\/)?(.+)$/.exec(line);
    if (match !== null) sums.set(`${folder}/${match[2]}`, match[1]!);
  }
  return sums;
}
