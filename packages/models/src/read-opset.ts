import { open, type FileHandle } from 'node:fs/promises';

/** Fields of ONNX's `ModelProto` and `OperatorSetIdProto` (onnx.proto3), and the wire types of protobuf. */
const OPSET_IMPORT = 8;
const DOMAIN = 1;
const VERSION = 2;
const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** An entry of `opset_import` is a domain and a number; more than this is no such thing. */
const MAX_ENTRY_BYTES = 1_024;

/**
 * Version of the standard operator set that a model file asks for; null when the file names none or is no ONNX model.
 * Reads a few bytes by position, because a graph may be two gigabytes and stands before the field.
 */
export async function readOpset(path: string): Promise<number | null> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    return await findOpset(file, size);
  } finally {
    await file.close();
  }
}

async function findOpset(file: FileHandle, size: number): Promise<number | null> {
  for (let at = 0; at < size;) {
    // A tag and a length: at most five and ten bytes.
    const head = await readAt(file, at, 15);
    const tag = readVarint(head, 0);
    if (tag === null) return null;
    const length = fieldLength(head, tag);
    if (length === null || at + length.end > size) return null;
    if (tag.value === OPSET_IMPORT * 8 + WIRE.bytes) {
      const entry = await readAt(file, at + length.start, Math.min(length.end - length.start, MAX_ENTRY_BYTES));
      const version = standardVersion(entry);
      if (version !== null) return version;
    }
    at += length.end;
  }
  return null;
}

/** The version, when the entry speaks of the standard domain, whose name is empty or `ai.onnx`. */
function standardVersion(entry: Uint8Array): number | null {
  let domain = '';
  let version: number | null = null;
  for (let at = 0; at < entry.length;) {
    const rest = entry.subarray(at);
    const tag = readVarint(rest, 0);
    const span = tag === null ? null : fieldLength(rest, tag);
    if (tag === null || span === null) return null;
    if (tag.value === DOMAIN * 8 + WIRE.bytes) domain = Buffer.from(rest.subarray(span.start, span.end)).toString();
    if (tag.value === VERSION * 8 + WIRE.varint) version = readVarint(rest, span.start)?.value ?? null;
    at += span.end;
  }
  return domain === '' || domain === 'ai.onnx' ? version : null;
}

type Varint = { value: number; end: number };

/** Where the payload of a field starts and ends, counted from its tag; null for a wire type that does not exist. */
function fieldLength(bytes: Uint8Array, tag: Varint): { start: number; end: number } | null {
  switch (tag.value & 7) {
    case WIRE.varint: {
      const value = readVarint(bytes, tag.end);
      return value && { start: tag.end, end: value.end };
    }
    case WIRE.fixed64:
      return { start: tag.end, end: tag.end + 8 };
    case WIRE.bytes: {
      const length = readVarint(bytes, tag.end);
      return length && { start: length.end, end: length.end + length.value };
    }
    case WIRE.fixed32:
      return { start: tag.end, end: tag.end + 4 };
    default:
      return null;
  }
}

/** Base-128 with the low group first; null when it does not end within ten bytes. */
function readVarint(bytes: Uint8Array, at: number): Varint | null {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return null;
    value += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return { value, end: at + i + 1 };
  }
  return null;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
