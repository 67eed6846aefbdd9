import { sliceSource, type ByteSource } from './byte-source.ts';
import { ImportError } from './import-error.ts';

export type ZipEntry = { name: string; localHeaderAt: number; size: number };
export type ZipArchive = {
  entries: ReadonlyMap<string, ZipEntry>;
  open(entry: ZipEntry): Promise<ByteSource>;
};

/** Records of APPNOTE.TXT 4.3: end of central directory, its ZIP64 forms, central and local file headers. */
const SIGNATURE = {
  end: 0x06054b50,
  end64Locator: 0x07064b50,
  end64: 0x06064b50,
  central: 0x02014b50,
  local: 0x04034b50,
};
const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const END64_BYTES = 56;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
const MAX_COMMENT_BYTES = 65_535;

const MAX_ENTRIES = 100_000;
const MAX_DIRECTORY_BYTES = 32 * 2 ** 20;

/**
 * The directory of a zip whose entries are stored, which is how PyTorch writes them. Compressed or encrypted ones are
 * refused, so that no entry can grow beyond the bytes that the file really has.
 */
export async function readZip(source: ByteSource): Promise<ZipArchive> {
  const directory = await findDirectory(source);
  if (directory.count > MAX_ENTRIES || directory.size > MAX_DIRECTORY_BYTES) {
    throw new ImportError(`its zip directory has ${directory.count} entries, more than a checkpoint has`);
  }
  const bytes = await source.read(directory.offset, directory.size);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < directory.count; i++) {
    const { entry, end } = readCentralHeader(bytes, at);
    if (entries.has(entry.name)) throw new ImportError(`its zip directory names ${quote(entry.name)} twice`);
    entries.set(entry.name, entry);
    at = end;
  }
  return {
    entries,
    async open(entry) {
      const header = await source.read(entry.localHeaderAt, LOCAL_BYTES);
      if (header.readUInt32LE(0) !== SIGNATURE.local) throw damaged(`no local header of ${quote(entry.name)}`);
      // The local extra field differs from the central one: it pads the data to an aligned offset.
      const dataAt = entry.localHeaderAt + LOCAL_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
      return sliceSource(source, dataAt, entry.size);
    },
  };
}

type Directory = { count: number; size: number; offset: number };

async function findDirectory(source: ByteSource): Promise<Directory> {
  const tailBytes = Math.min(source.size, END_BYTES + MAX_COMMENT_BYTES);
  const tailAt = source.size - tailBytes;
  const tail = await source.read(tailAt, tailBytes);
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== SIGNATURE.end) continue;
    if (at + END_BYTES + tail.readUInt16LE(at + 20) !== tail.length) continue;
    const directory = {
      count: tail.readUInt16LE(at + 10),
      size: tail.readUInt32LE(at + 12),
      offset: tail.readUInt32LE(at + 16),
    };
    const isZip64 = directory.count === 0xffff || directory.size === 0xffffffff || directory.offset === 0xffffffff;
    return isZip64 ? await readZip64Directory(source, tailAt + at) : directory;
  }
  throw damaged('no end of the zip directory; the file is cut short');
}

async function readZip64Directory(source: ByteSource, endAt: number): Promise<Directory> {
  const locator = await source.read(endAt - LOCATOR_BYTES, LOCATOR_BYTES);
  if (locator.readUInt32LE(0) !== SIGNATURE.end64Locator) throw damaged('no ZIP64 locator');
  const end = await source.read(safeNumber(locator.readBigUInt64LE(8)), END64_BYTES);
  if (end.readUInt32LE(0) !== SIGNATURE.end64) throw damaged('no ZIP64 end of directory');
  return {
    count: safeNumber(end.readBigUInt64LE(32)),
    size: safeNumber(end.readBigUInt64LE(40)),
    offset: safeNumber(end.readBigUInt64LE(48)),
  };
}

function readCentralHeader(bytes: Buffer, at: number): { entry: ZipEntry; end: number } {
  if (at + CENTRAL_BYTES > bytes.length || bytes.readUInt32LE(at) !== SIGNATURE.central) {
    throw damaged('a zip directory entry is missing');
  }
  const flags = bytes.readUInt16LE(at + 8);
  const method = bytes.readUInt16LE(at + 10);
  const nameAt = at + CENTRAL_BYTES;
  const extraAt = nameAt + bytes.readUInt16LE(at + 28);
  const commentAt = extraAt + bytes.readUInt16LE(at + 30);
  const end = commentAt + bytes.readUInt16LE(at + 32);
  if (end > bytes.length) throw damaged('a zip directory entry is cut short');
  const name = bytes.toString('utf8', nameAt, extraAt);
  const sizes = readSizes(bytes, at, bytes.subarray(extraAt, commentAt));
  if ((flags & 1) !== 0) throw new ImportError(`${quote(name)} in it is encrypted`);
  if (method !== 0 || sizes.packed !== sizes.size) {
    throw new ImportError(
      `${quote(name)} in it is compressed, which PyTorch does not do: unzip it first, or save it again`,
    );
  }
  return { entry: { name, localHeaderAt: sizes.localHeaderAt, size: sizes.size }, end };
}

/** Sizes and offset; where one is all ones, its 64-bit form stands in extra field 1, in this order. */
function readSizes(bytes: Buffer, at: number, extra: Buffer): { packed: number; size: number; localHeaderAt: number } {
  let size = bytes.readUInt32LE(at + 24);
  let packed = bytes.readUInt32LE(at + 20);
  let localHeaderAt = bytes.readUInt32LE(at + 42);
  for (let p = 0; p + 4 <= extra.length;) {
    const fieldEnd = p + 4 + extra.readUInt16LE(p + 2);
    if (fieldEnd > extra.length) break;
    if (extra.readUInt16LE(p) === 1) {
      let q = p + 4;
      const next = () => {
        if (q + 8 > fieldEnd) throw damaged('a ZIP64 field is cut short');
        q += 8;
        return safeNumber(extra.readBigUInt64LE(q - 8));
      };
      if (size === 0xffffffff) size = next();
      if (packed === 0xffffffff) packed = next();
      if (localHeaderAt === 0xffffffff) localHeaderAt = next();
    }
    p = fieldEnd;
  }
  return { packed, size, localHeaderAt };
}

function safeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged('a size or offset beyond any file');
  return Number(value);
}

const damaged = (what: string) => new ImportError(`its zip structure is damaged: ${what}`);

const quote = (name: string) => JSON.stringify(name.slice(0, 80));
