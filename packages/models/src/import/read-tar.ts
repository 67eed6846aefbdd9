import { ImportError } from './import-error.ts';

/** One entry of a tar archive; its content is read, or skipped when the next entry is asked for. */
export type TarEntry = {
  /** As the archive spells it. */
  name: string;
  kind: 'file' | 'folder' | 'link' | 'other';
  size: number;
  /** The content in pieces; may be read once. */
  content(): AsyncGenerator<Buffer>;
};

const BLOCK_BYTES = 512;
const MAX_NAME_BYTES = 65_536;
const MAX_SIZE_BYTES = 2 ** 40;

/** Entries of a tar stream (ustar, with the long names of GNU and pax), in order. Everything behind them is read too. */
export async function* readTar(stream: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const reader = createReader(stream);
  let longName: string | null = null;
  let longSize: number | null = null;
  for (;;) {
    const header = await reader.take(BLOCK_BYTES);
    if (header.every((byte) => byte === 0)) break;
    assertChecksum(header);
    const type = String.fromCharCode(header[156]!);
    const size = longSize ?? readNumber(header.subarray(124, 136));
    if (!Number.isSafeInteger(size) || size > MAX_SIZE_BYTES) throw damaged('an entry has an impossible size');
    if (type === 'x' || type === 'g' || type === 'L' || type === 'K') {
      if (size > MAX_NAME_BYTES) throw damaged('a name is too long');
      const body = await reader.take(size);
      await reader.skip(padding(size));
      if (type === 'L') longName = cString(body);
      if (type === 'x') {
        const extended = readPax(body);
        longName = extended.get('path') ?? longName;
        const stated = extended.get('size');
        longSize = stated === undefined ? longSize : Number(stated);
      }
      continue;
    }
    let left = size;
    yield {
      name: longName ?? shortName(header),
      kind: kindOf(type),
      size,
      async *content() {
        while (left > 0) {
          const piece = await reader.some(left);
          left -= piece.length;
          yield piece;
        }
      },
    };
    longName = null;
    longSize = null;
    await reader.skip(left + padding(size));
  }
  await reader.drain();
}

function kindOf(type: string): TarEntry['kind'] {
  if (type === '0' || type === '\0' || type === '7') return 'file';
  if (type === '5') return 'folder';
  return type === '1' || type === '2' ? 'link' : 'other';
}

function assertChecksum(header: Buffer): void {
  let sum = 0;
  // Its own eight bytes count as spaces.
  for (let i = 0; i < BLOCK_BYTES; i++) sum += i >= 148 && i < 156 ? 0x20 : header[i]!;
  if (sum !== readNumber(header.subarray(148, 156))) throw damaged('a header has a wrong checksum');
}

/** Octal digits, or a big-endian number behind a set high bit, as GNU tar writes large sizes. */
function readNumber(field: Buffer): number {
  if ((field[0]! & 0x80) !== 0) {
    let value = field[0]! & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    return value;
  }
  const text = cString(field).trim();
  return /^[0-7]*$/.test(text) ? Number.parseInt(text || '0', 8) : Number.NaN;
}

function shortName(header: Buffer): string {
  const name = cString(header.subarray(0, 100));
  const prefix = header.toString('latin1', 257, 262) === 'ustar' ? cString(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Records of `{length} {key}={value}\n`. */
function readPax(body: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(body.toString('latin1', at, space));
    const end = at + length;
    if (!Number.isInteger(length) || end <= space || end > body.length)
      throw damaged('an extended header is not readable');
    const record = body.toString('utf8', space + 1, end - 1);
    const equals = record.indexOf('=');
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}

const cString = (bytes: Buffer) => {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
};

const padding = (size: number) => (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;

function createReader(stream: AsyncIterable<Buffer>) {
  const iterator = stream[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  const some = async (max: number): Promise<Buffer> => {
    while (rest.length === 0) {
      const { value, done } = await iterator.next();
      if (done === true) throw damaged('it ends too early');
      rest = value;
    }
    const piece = rest.subarray(0, max);
    rest = rest.subarray(piece.length);
    return piece;
  };
  return {
    some,
    async take(length: number) {
      const pieces: Buffer[] = [];
      for (let left = length; left > 0; left -= pieces.at(-1)!.length) pieces.push(await some(left));
      return Buffer.concat(pieces);
    },
    async skip(length: number) {
      for (let left = length; left > 0;) left -= (await some(left)).length;
    },
    /** To the end: only there does gzip tell whether the whole was sound. */
    async drain() {
      for (let more = true; more;) more = (await iterator.next()).done !== true;
    },
  };
}

const damaged = (what: string) => new ImportError(`the archive is damaged: ${what}`);
