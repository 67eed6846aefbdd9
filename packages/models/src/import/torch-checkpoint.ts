import { sliceSource, type ByteSource } from './byte-source.ts';
import { ImportError } from './import-error.ts';
import { ELEMENT_BYTES, type PickleValue, type StorageRef } from './pickle-values.ts';
import { readZip, type ZipArchive, type ZipEntry } from './read-zip.ts';
import { unpickle } from './unpickle.ts';

/** A file of `torch.save`, opened: the pickled object, and the numbers that its tensors refer to. */
export type TorchCheckpoint = {
  container: 'zip' | 'legacy';
  root: PickleValue;
  /** The bytes of a storage, little-endian. */
  openStorage(storage: StorageRef): Promise<ByteSource>;
};

const MAX_PICKLE_BYTES = 16 * 2 ** 20;
const ZIP_MAGIC = Buffer.from('PK\x03\x04', 'latin1');
/** torch/serialization.py: the number and the version that start a file of torch before 1.6. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_VERSION = 1_001;

export async function openTorchCheckpoint(source: ByteSource): Promise<TorchCheckpoint> {
  return await openContainer(source, true);
}

async function openContainer(source: ByteSource, mayUnwrap: boolean): Promise<TorchCheckpoint> {
  const head = await source.read(0, Math.min(source.size, 512));
  if (head.subarray(0, 4).equals(ZIP_MAGIC)) return await openZip(source, mayUnwrap);
  if (head[0] === 0x80 && head[1] === 0x02) return await openLegacy(source);
  throw new ImportError(`it is no PyTorch checkpoint: ${guessFormat(head)}`);
}

async function openZip(source: ByteSource, mayUnwrap: boolean): Promise<TorchCheckpoint> {
  const zip = await readZip(source);
  const pickles = [...zip.entries.values()].filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length === 0) return await unwrap(zip, mayUnwrap);
  if (pickles.length > 1) throw new ImportError('it holds more than one data.pkl');
  const root = pickles[0]!.name.slice(0, -'data.pkl'.length);
  if (zip.entries.has(`${root}constants.pkl`)) {
    throw new ImportError(
      'it is a TorchScript archive, a program with its weights; the weights alone are needed (a state dict)',
    );
  }
  await assertLittleEndian(zip, zip.entries.get(`${root}byteorder`));

  const storages = new Map<string, StorageRef>();
  const pickle = await readPickleEntry(zip, pickles[0]!);
  const { value } = unpickle(pickle, 0, storages);
  const entryOf = (storage: StorageRef) => {
    const entry = zip.entries.get(`${root}data/${storage.key}`);
    if (entry === undefined) throw new ImportError(`its storage ${quote(storage.key)} is missing`);
    if (entry.size !== storage.length * ELEMENT_BYTES[storage.type]) {
      throw new ImportError(`its storage ${quote(storage.key)} has not the size that its pickle says`);
    }
    return entry;
  };
  for (const storage of storages.values()) entryOf(storage);
  return { container: 'zip', root: value, openStorage: async (storage) => await zip.open(entryOf(storage)) };
}

/** Some projects publish the checkpoint inside a zip of its own. */
async function unwrap(zip: ZipArchive, mayUnwrap: boolean): Promise<TorchCheckpoint> {
  const files = [...zip.entries.values()].filter(({ name }) => !name.endsWith('/'));
  if (!mayUnwrap || files.length !== 1)
    throw new ImportError('it is a zip, but no PyTorch checkpoint: it holds no data.pkl');
  return await openContainer(await zip.open(files[0]!), false);
}

async function readPickleEntry(zip: ZipArchive, entry: ZipEntry): Promise<Buffer> {
  if (entry.size > MAX_PICKLE_BYTES)
    throw new ImportError(`its data.pkl has ${entry.size} bytes, more than a state dict needs`);
  return await (await zip.open(entry)).read(0, entry.size);
}

async function assertLittleEndian(zip: ZipArchive, entry: ZipEntry | undefined): Promise<void> {
  if (entry === undefined) return;
  const order = (await (await zip.open(entry)).read(0, Math.min(entry.size, 16))).toString('latin1').trim();
  if (order !== 'little') throw new ImportError('its numbers are not little-endian');
}

/** Five pickles in a row (magic, version, system, the object, the storage keys), then each storage with its count. */
async function openLegacy(source: ByteSource): Promise<TorchCheckpoint> {
  const bytes = await source.read(0, Math.min(source.size, MAX_PICKLE_BYTES));
  const storages = new Map<string, StorageRef>();
  let at = 0;
  const next = () => {
    const { value, end } = unpickle(bytes, at, storages);
    at = end;
    return value;
  };
  if (next() !== LEGACY_MAGIC) throw new ImportError('it is a pickle, but not one that torch.save wrote');
  if (next() !== LEGACY_VERSION) throw new ImportError('it is of a version of torch.save that is not known');
  const system = next();
  if (system instanceof Map && system.get('little_endian') === false)
    throw new ImportError('its numbers are not little-endian');
  const root = next();
  const keys = next();
  if (!Array.isArray(keys)) throw new ImportError('its list of storages is no list');

  const places = new Map<string, number>();
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (storage === undefined || places.has(storage.key))
      throw new ImportError('its list of storages is not that of its tensors');
    const count = (await source.read(at, 8)).readBigInt64LE();
    if (count !== BigInt(storage.length))
      throw new ImportError(`its storage ${quote(storage.key)} has not the size that its pickle says`);
    places.set(storage.key, at + 8);
    at += 8 + storage.length * ELEMENT_BYTES[storage.type];
  }
  if (places.size !== storages.size) throw new ImportError('a storage of its tensors is not in the file');
  if (at !== source.size)
    throw new ImportError(at < source.size ? 'something stands behind its last storage' : 'it is cut short');
  return {
    container: 'legacy',
    root,
    openStorage: async (storage) =>
      sliceSource(source, places.get(storage.key)!, storage.length * ELEMENT_BYTES[storage.type]),
  };
}

/** What a file may be that is no checkpoint, so that the person knows what to do. */
function guessFormat(head: Buffer): string {
  if (head.length === 0) return 'the file is empty';
  if (head.length > 262 && head.toString('latin1', 257, 262) === 'ustar') return 'it is a tar archive of other files';
  if (head[0] === 0x1f && head[1] === 0x8b) return 'it is compressed by gzip';
  if (head.toString('latin1', 0, 4) === '\x89HDF') return 'it is an HDF5 file';
  if (head[8] === 0x7b && head.length > 9) return 'it looks like safetensors; only files of torch.save are read';
  if (head[0] === 0x80) return `it is a pickle of protocol ${head[1]}; torch.save writes protocol 2 by default`;
  return `it starts with ${head.subarray(0, 4).toString('hex')}`;
}

const quote = (key: string) => JSON.stringify(key.slice(0, 40));
