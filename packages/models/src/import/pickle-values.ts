/** Types of `torch.*Storage` that a checkpoint may hold. */
export type StorageType =
  | 'FloatStorage'
  | 'HalfStorage'
  | 'BFloat16Storage'
  | 'DoubleStorage'
  | 'LongStorage'
  | 'IntStorage'
  | 'ShortStorage'
  | 'CharStorage'
  | 'ByteStorage'
  | 'BoolStorage';

export const ELEMENT_BYTES: Readonly<Record<StorageType, number>> = {
  FloatStorage: 4,
  HalfStorage: 2,
  BFloat16Storage: 2,
  DoubleStorage: 8,
  LongStorage: 8,
  IntStorage: 4,
  ShortStorage: 2,
  CharStorage: 1,
  ByteStorage: 1,
  BoolStorage: 1,
};

/** A run of numbers elsewhere in the file; several tensors may share one. */
export class StorageRef {
  readonly key: string;
  readonly type: StorageType;
  /** Number of elements. */
  readonly length: number;

  constructor(fields: { key: string; type: StorageType; length: number }) {
    this.key = fields.key;
    this.type = fields.type;
    this.length = fields.length;
  }
}

/** A view of a storage; offset and strides count elements, and lie inside the storage. */
export class TensorRef {
  readonly storage: StorageRef;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(fields: { storage: StorageRef; offset: number; shape: readonly number[]; strides: readonly number[] }) {
    this.storage = fields.storage;
    this.offset = fields.offset;
    this.shape = fields.shape;
    this.strides = fields.strides;
  }
}

/** A name that a pickle would import, such as `torch.FloatStorage`. It is compared with a short list, never looked up. */
export class GlobalRef {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }

  get qualified(): string {
    return `${this.module}.${this.name}`;
  }
}

/** What a harmless name outside the list would have built. Nothing is built: it only takes the place. */
export class Opaque {}

/** Tuples and lists are arrays; dictionaries are Maps, because keys such as `__proto__` are only keys in those. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | GlobalRef
  | Opaque
  | StorageRef
  | TensorRef;
