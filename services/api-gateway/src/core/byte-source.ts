/** Random access to the bytes of a file. A caller reads pieces: an upload may be 25 MiB and there may be many. */
export type ByteSource = {
  size: number;
  /** Fewer than `length` bytes only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
};

/** Reads through one cached block, so that walking forward through a file reads no block twice. */
export type ByteWindow = {
  size: number;
  /** Fewer than `length` bytes only at the end of the file. */
  at(offset: number, length: number): Promise<Buffer>;
  /** Position of the first such byte at or after `from`, or -1. */
  indexOf(byte: number, from: number): Promise<number>;
  /** Whether `needle` occurs at or after `from`. Looks from the end backwards: what ends a file is found in one read. */
  has(needle: Uint8Array, from: number): Promise<boolean>;
};

const BLOCK_BYTES = 65_536;

export function createByteWindow(source: ByteSource): ByteWindow {
  let blockAt = -1;
  let block: Buffer = Buffer.alloc(0);
  const readBuffer = async (offset: number, length: number) => {
    const bytes = await source.read(offset, length);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  const loadBlock = async (start: number) => {
    if (start !== blockAt) {
      block = await readBuffer(start, BLOCK_BYTES);
      blockAt = start;
    }
    return block;
  };
  return {
    size: source.size,
    async at(offset, length) {
      const start = offset - (offset % BLOCK_BYTES);
      if (offset + length > start + BLOCK_BYTES) return readBuffer(offset, length);
      return (await loadBlock(start)).subarray(offset - start, offset - start + length);
    },
    async indexOf(byte, from) {
      for (let start = from - (from % BLOCK_BYTES); start < source.size; start += BLOCK_BYTES) {
        const found = (await loadBlock(start)).indexOf(byte, Math.max(0, from - start));
        if (found !== -1) return start + found;
      }
      return -1;
    },
    async has(needle, from) {
      // Blocks overlap by the needle less one byte, so that a needle across a border is found.
      for (let end = source.size; end - from >= needle.length; end -= BLOCK_BYTES - needle.length + 1) {
        const start = Math.max(from, end - BLOCK_BYTES);
        if ((await readBuffer(start, end - start)).indexOf(needle) !== -1) return true;
      }
      return false;
    },
  };
}
