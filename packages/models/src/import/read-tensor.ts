import { ImportError } from './import-error.ts';
import { ELEMENT_BYTES, type StorageType, type TensorRef } from './pickle-values.ts';
import type { TorchCheckpoint } from './torch-checkpoint.ts';

/** Decoders of the types that weights come in; the other types are counters and masks. */
const DECODERS: Partial<Record<StorageType, (view: DataView, element: number) => number>> = {
  FloatStorage: (view, i) => view.getFloat32(4 * i, true),
  DoubleStorage: (view, i) => view.getFloat64(8 * i, true),
  HalfStorage: (view, i) => halfToNumber(view.getUint16(2 * i, true)),
  BFloat16Storage: (view, i) => bfloat16ToNumber(view.getUint16(2 * i, true)),
};

/**
 * The values of a tensor in row-major order. Reads only the part of the storage that it spans, and gathers by strides:
 * in published checkpoints some weights are stored transposed.
 */
export async function readTensor(checkpoint: TorchCheckpoint, tensor: TensorRef): Promise<Float32Array<ArrayBuffer>> {
  const { storage, shape, strides, offset } = tensor;
  const decode = DECODERS[storage.type];
  if (decode === undefined) throw new ImportError(`weights of type ${storage.type} are not supported`);
  const count = shape.reduce((product, size) => product * size, 1);
  const values = new Float32Array(count);
  if (count === 0) return values;
  const span = 1 + shape.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, 0);
  const width = ELEMENT_BYTES[storage.type];
  const bytes = await (await checkpoint.openStorage(storage)).read(offset * width, span * width);
  if (storage.type === 'FloatStorage' && span === count && isRowMajor(tensor)) {
    new Uint8Array(values.buffer).set(bytes);
    // A sum of finite numbers this small stays finite in double, and a single NaN or infinity spoils it.
    let sum = 0;
    for (let i = 0; i < count; i++) sum += values[i]!;
    if (!Number.isFinite(sum)) throw notFinite();
    return values;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const index = shape.map(() => 0);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const value = decode(view, at);
    if (!Number.isFinite(value)) throw notFinite();
    values[i] = value;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return values;
}

const notFinite = () => new ImportError('a weight is not a finite number: the checkpoint is damaged');

function isRowMajor({ shape, strides }: TensorRef): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1_024) * 2 ** (exponent - 15);
}

/** The upper half of a binary32. */
function bfloat16ToNumber(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!;
}
