import { crc32 } from 'node:zlib';

export type SavedTensor = { shape: readonly number[]; values: Float32Array };
export type TorchSaveOptions = {
  container: 'zip' | 'legacy';
  /** The key under which the weights lie, with an epoch beside them; none: the weights are the whole object. */
  wrapper?: string;
};

/** Files as `torch.save` writes them, for tests: float tensors, each with a storage of its own. */
export function torchSave(tensors: ReadonlyMap<string, SavedTensor>, { container, wrapper }: TorchSaveOptions): Buffer {
  const dictionary = [...tensors].map(([key, tensor], i) => [text(key), tensorOf(String(i), tensor)]);
  const weights = [Buffer.from('}('), ...dictionary.flat(), Buffer.from('u')];
  const object =
    wrapper === undefined
      ? weights
      : [Buffer.from('}('), text(wrapper), ...weights, text('epoch'), int(3), Buffer.from('u')];
  const storages = [...tensors.values()].map(({ values }) =>
    Buffer.from(values.buffer, values.byteOffset, values.byteLength),
  );
  if (container === 'zip') {
    return storedZip([
      ['archive/data.pkl', pickle(...object)],
      ['archive/byteorder', Buffer.from('little')],
      ...storages.map((bytes, i): [string, Buffer] => [`archive/data/${i}`, bytes]),
      ['archive/version', Buffer.from('3\n')],
    ]);
  }
  const keys = storages.flatMap((_, i) => [text(String(i)), Buffer.from('a')]);
  return Buffer.concat([
    pickle(Buffer.from('8a0a6cfc9c46f9206aa85019', 'hex')),
    pickle(Buffer.from('4de903', 'hex')),
    pickle(Buffer.from('}('), text('little_endian'), Buffer.from([0x88]), Buffer.from('u')),
    pickle(...object),
    pickle(Buffer.from(']'), ...keys),
    ...storages.flatMap((bytes) => [int64(bytes.length / 4), bytes]),
  ]);
}

/** A pickle of protocol 2 of these opcodes. */
export const pickle = (...parts: Uint8Array[]) =>
  Buffer.concat([Buffer.from([0x80, 0x02]), ...parts, Buffer.from('.')]);

export function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const head = Buffer.alloc(5, 'X');
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

export function int(value: number): Buffer {
  const bytes = Buffer.alloc(5, 'J');
  bytes.writeInt32LE(value, 1);
  return bytes;
}

export const global = (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`);

const tuple = (...values: Uint8Array[]) => Buffer.concat([Buffer.from('('), ...values, Buffer.from('t')]);

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}

/** Opcodes of `_rebuild_tensor_v2` over a storage of floats; the parts that a test wants wrong can be given. */
export function tensorOf(
  storageKey: string,
  tensor: { shape: readonly number[]; values: { length: number } },
  wrong: { offset?: number; strides?: readonly number[] } = {},
): Buffer {
  const { shape, values } = tensor;
  const strides =
    wrong.strides ?? shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const id = [text('storage'), global('torch', 'FloatStorage'), text(storageKey), text('cpu'), int(values.length)];
  return Buffer.concat([
    global('torch._utils', '_rebuild_tensor_v2'),
    tuple(
      Buffer.concat([tuple(...id), Buffer.from('Q')]),
      int(wrong.offset ?? 0),
      tuple(...shape.map(int)),
      tuple(...strides.map(int)),
      Buffer.from([0x89]),
      Buffer.concat([global('collections', 'OrderedDict'), Buffer.from(')R')]),
    ),
    Buffer.from('R'),
  ]);
}

/** A zip whose entries are stored; `method` lies about it. */
export function storedZip(files: readonly (readonly [name: string, bytes: Uint8Array])[], method = 0): Buffer {
  const locals: Uint8Array[] = [];
  const centrals: Buffer[] = [];
  let at = 0;
  for (const [name, bytes] of files) {
    const common = Buffer.alloc(26);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const central = Buffer.concat([Buffer.from('PK\x01\x02\0\0', 'latin1'), common, Buffer.alloc(14)]);
    central.writeUInt32LE(at, 42);
    centrals.push(central, Buffer.from(name));
    const local = [Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), bytes];
    locals.push(...local);
    at += local.reduce((sum, part) => sum + part.length, 0);
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.concat([Buffer.from('PK\x05\x06', 'latin1'), Buffer.alloc(18)]);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, directory, end]);
}
