import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { ELEMENT_TYPES, encodeNode, encodeValue, IR_VERSION, OPSET_VERSION } from '../onnx-writer.ts';
import { bytesField, bytesFieldHead, varintField } from '../protobuf.ts';
import type { LazyConstant, LazyGraph } from './graph-builder.ts';
import { ImportError } from './import-error.ts';

export type WrittenFile = { file: string; sha256: string; bytes: number };

export type OnnxFileOptions = {
  folder: string;
  /** Bare name of the model file; the file of weights beside it, where there is one, is called `{file}.data`. */
  file: string;
  /** Weights of more bytes than this together lie beside the model: a protobuf message ends at 2 GiB. */
  externalAboveBytes?: number;
  signal?: AbortSignal;
  /** Share of the weights written, 0..1. */
  onProgress?: (share: number) => void;
};

/** detectors.md 6.4: external data avoids large buffers on both sides, and onnxruntime maps it. */
const EXTERNAL_ABOVE_BYTES = 500_000_000;
/** Constants that shapes are computed from stay in the model, where onnxruntime looks for them. */
const INLINE_BYTES = 1_024;
/** onnx.proto3, `external_data`: offsets are multiples of the page size, so that they can be mapped. */
const PAGE_BYTES = 4_096;

/**
 * Writes a graph, one weight in memory at a time, and gives the model file and the file of weights, if there is one. The
 * length of everything is known before it is made, so that the protobuf headers can be written first.
 */
export async function writeOnnxFile(
  graph: LazyGraph,
  options: OnnxFileOptions,
): Promise<[WrittenFile, ...WrittenFile[]]> {
  const total = graph.constants.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const isExternal = total > (options.externalAboveBytes ?? EXTERNAL_ABOVE_BYTES);
  const places = isExternal ? placeExternally(graph.constants) : new Map<LazyConstant, number>();
  const dataFile = `${options.file}.data`;
  const load = createLoader(total, options);

  const others: WrittenFile[] = [];
  if (places.size > 0) {
    others.push(
      await writeFile(options.folder, dataFile, async (write) => {
        let at = 0;
        for (const [constant, offset] of places) {
          await write(Buffer.alloc(offset - at));
          await write(await load(constant));
          at = offset + constant.byteLength;
        }
      }),
    );
  }
  const model = await writeFile(options.folder, options.file, async (write) => {
    const parts = graphParts(graph, places, dataFile);
    const graphBytes = parts.reduce(
      (sum, part) => sum + (part instanceof Uint8Array ? part.length : part.byteLength),
      0,
    );
    await write(
      Buffer.concat([varintField(1, IR_VERSION), bytesField(2, 'touchstone'), bytesFieldHead(7, graphBytes)]),
    );
    for (const part of parts) await write(part instanceof Uint8Array ? part : await load(part));
    await write(bytesField(8, varintField(2, OPSET_VERSION)));
  });
  return [model, ...others];
}

/** The offset of each large constant in the file of weights, ascending. */
function placeExternally(constants: readonly LazyConstant[]): Map<LazyConstant, number> {
  const places = new Map<LazyConstant, number>();
  let end = 0;
  for (const constant of constants) {
    if (constant.byteLength <= INLINE_BYTES) continue;
    const offset = Math.ceil(end / PAGE_BYTES) * PAGE_BYTES;
    places.set(constant, offset);
    end = offset + constant.byteLength;
  }
  return places;
}

/** The bytes of `GraphProto`, with the constants that lie inside it in their places. */
function graphParts(
  graph: LazyGraph,
  places: ReadonlyMap<LazyConstant, number>,
  dataFile: string,
): (Uint8Array | LazyConstant)[] {
  const parts: (Uint8Array | LazyConstant)[] = graph.nodes.map((node) => bytesField(1, encodeNode(node)));
  parts.push(bytesField(2, graph.name));
  for (const constant of graph.constants) {
    const head = Buffer.concat([
      ...constant.dims.map((dim) => varintField(1, dim)),
      varintField(2, ELEMENT_TYPES[constant.type]),
      bytesField(8, constant.name),
    ]);
    const offset = places.get(constant);
    if (offset !== undefined) {
      parts.push(bytesField(5, Buffer.concat([head, externalData(dataFile, offset, constant.byteLength)])));
      continue;
    }
    const rawHead = bytesFieldHead(9, constant.byteLength);
    parts.push(bytesFieldHead(5, head.length + rawHead.length + constant.byteLength), head, rawHead, constant);
  }
  parts.push(...graph.inputs.map((value) => bytesField(11, encodeValue(value))));
  parts.push(...graph.outputs.map((value) => bytesField(12, encodeValue(value))));
  return parts;
}

function externalData(location: string, offset: number, length: number): Uint8Array {
  const entries = Object.entries({ location, offset: String(offset), length: String(length) });
  const fields = entries.map(([key, value]) =>
    bytesField(13, Buffer.concat([bytesField(1, key), bytesField(2, value)])),
  );
  return Buffer.concat([...fields, varintField(14, 1)]);
}

function createLoader(
  total: number,
  { signal, onProgress }: OnnxFileOptions,
): (constant: LazyConstant) => Promise<Uint8Array> {
  let done = 0;
  return async (constant) => {
    signal?.throwIfAborted();
    const bytes = await constant.load();
    if (bytes.length !== constant.byteLength)
      throw new ImportError(`a weight has ${bytes.length} bytes instead of ${constant.byteLength}`);
    done += bytes.length;
    onProgress?.(done / total);
    return bytes;
  };
}

async function writeFile(
  folder: string,
  file: string,
  fill: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<WrittenFile> {
  const handle = await open(join(folder, file), 'wx');
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    await fill(async (part) => {
      hash.update(part);
      bytes += part.length;
      for (let at = 0; at < part.length;) at += (await handle.write(part, at, part.length - at)).bytesWritten;
    });
    await handle.sync();
    return { file, sha256: hash.digest('hex'), bytes };
  } finally {
    await handle.close();
  }
}
