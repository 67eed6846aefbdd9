import { open, type FileHandle } from 'node:fs/promises';
import { ImportError } from './import-error.ts';

/** Bytes that are read by position: a checkpoint may be larger than the memory that it should take. */
export type ByteSource = {
  readonly size: number;
  /** Exactly these bytes; throws when the source does not hold them all. */
  read(offset: number, length: number): Promise<Buffer>;
};

/** Longest single read: the largest tensor of the published checkpoints takes 76 MB. */
const MAX_READ_BYTES = 2 ** 30;

export function bytesSource(bytes: Uint8Array): ByteSource {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    size: buffer.length,
    async read(offset, length) {
      assertRange(buffer.length, offset, length);
      return buffer.subarray(offset, offset + length);
    },
  };
}

export async function openFileSource(path: string): Promise<ByteSource & { close(): Promise<void> }> {
  const file = await open(path);
  const stats = await file.stat();
  if (!stats.isFile()) {
    await file.close();
    throw new ImportError('this is not a file');
  }
  return {
    size: stats.size,
    async read(offset, length) {
      assertRange(stats.size, offset, length);
      return await readFully(file, offset, length);
    },
    close: () => file.close(),
  };
}

/** A part of a source, as a source. */
export function sliceSource(source: ByteSource, start: number, size: number): ByteSource {
  assertRange(source.size, start, size, Number.POSITIVE_INFINITY);
  return {
    size,
    async read(offset, length) {
      assertRange(size, offset, length);
      return await source.read(start + offset, length);
    },
  };
}

function assertRange(size: number, offset: number, length: number, maxLength = MAX_READ_BYTES): void {
  const isSane = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!isSane || offset + length > size)
    throw new ImportError('it ends before its own tables say: the file is cut short or damaged');
  if (length > maxLength) throw new ImportError(`it asks for ${length} bytes at once, more than any weights need`);
}

async function readFully(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  for (let at = 0; at < length;) {
    const { bytesRead } = await file.read(buffer, at, length - at, offset + at);
    if (bytesRead === 0) throw new ImportError('the file became shorter while it was read');
    at += bytesRead;
  }
  return buffer;
}
