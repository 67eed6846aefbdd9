import { ImportError } from './import-error.ts';
import {
  ELEMENT_BYTES,
  GlobalRef,
  StorageRef,
  TensorRef,
  type PickleValue,
  type StorageType,
} from './pickle-values.ts';

const MAX_RANK = 8;
const MAX_STORAGE_BYTES = 2 ** 36;

/** The storage that a persistent id names: ('storage', type, key, device, element count[, view of another storage]). */
export function readStorageId(id: PickleValue, known: Map<string, StorageRef>): StorageRef {
  if (!Array.isArray(id) || id[0] !== 'storage') {
    const kind = Array.isArray(id) && typeof id[0] === 'string' ? id[0].slice(0, 40) : 'something unknown';
    throw new ImportError(
      `it refers to ${JSON.stringify(kind)} outside the pickle; a state dict refers to storages only`,
    );
  }
  const [, type, key, , length, view] = id;
  if (!(type instanceof GlobalRef) || !isStorageType(type)) throw new ImportError('a storage of it has no known type');
  if (typeof key !== 'string') throw new ImportError('a storage of it has no name');
  if (view !== undefined && view !== null) {
    throw new ImportError('it holds views of storages, as PyTorch before 0.4 wrote them: save it again');
  }
  const storageType = type.name as StorageType;
  if (!isCount(length) || length * ELEMENT_BYTES[storageType] > MAX_STORAGE_BYTES) {
    throw new ImportError(`storage ${JSON.stringify(key.slice(0, 40))} has an impossible size`);
  }
  const existing = known.get(key);
  if (existing === undefined) {
    const storage = new StorageRef({ key, type: storageType, length });
    known.set(key, storage);
    return storage;
  }
  if (existing.type !== storageType || existing.length !== length) {
    throw new ImportError(`storage ${JSON.stringify(key.slice(0, 40))} is described twice, differently`);
  }
  return existing;
}

/** `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`. */
export function rebuildTensor(args: PickleValue[]): TensorRef {
  const [storage, offset, shape, strides] = args;
  if (!(storage instanceof StorageRef)) throw new ImportError('a tensor of it has no storage');
  if (!isCount(offset) || !isCounts(shape) || !isCounts(strides)) {
    throw new ImportError('a tensor of it has an offset, shape or stride that is no count');
  }
  if (shape.length > MAX_RANK || shape.length !== strides.length) {
    throw new ImportError(`a tensor of it has ${shape.length} dimensions and ${strides.length} strides`);
  }
  const isEmpty = shape.includes(0);
  const last = offset + shape.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, 0);
  if (!isEmpty && !(last < storage.length)) throw new ImportError('a tensor of it reaches beyond its storage');
  return new TensorRef({ storage, offset, shape: [...shape], strides: [...strides] });
}

const isStorageType = ({ module, name }: GlobalRef) => module === 'torch' && Object.hasOwn(ELEMENT_BYTES, name);

const isCount = (value: PickleValue | undefined): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

const isCounts = (value: PickleValue | undefined): value is number[] => Array.isArray(value) && value.every(isCount);
