import { describe, expect, it } from '@jest/globals';
import { brotliDecompressSync } from 'node:zlib';
import { bytesSource } from './byte-source.ts';
import { ImportError } from './import-error.ts';
import { seededUniform } from './parity-weights.ts';
import { TensorRef, type PickleValue } from './pickle-values.ts';
import { readTensor } from './read-tensor.ts';
import { openStateDict } from './state-dict.ts';
import { openTorchCheckpoint } from './torch-checkpoint.ts';
import { storedZip, tensorOf, torchSave, type SavedTensor } from './torch-save.ts';

/** Written by PyTorch itself: one object as a zip (bytes 0-1114) and in the legacy form (the rest). detectors.md 6.3. */
const WRITTEN_BY_TORCH = brotliDecompressSync(
  Buffer.from(
    'gtUAxPj/zfXemeACgMwWkKYEKeZ/TpZfoI7BAsoKXRaWhd1TXUU+z+X0X2NbeZ2V2Nom0ViTJo0JMjf1ooTTrBddRVkCmM21YUpfqjkBQrs+rdsPCkkGdB1SjiGHNRBYONjaBcNOd8eWFE7du8wvEAxTAeD/nNik+3D4Z0rvbHMm/TDx1mGSDFMHML4g+FdInvQH7qS9wAp8p+uFLXc6MR9Z/nTfG7jW+SVhUgzD1ADkMUWq1mB4R3cw7h/p/22YNJMBWES6KQGYHAYUEqpP4UMCggvpJkUEE/wmRe/YoXwb8yl+mBKmCmB8wYQz7lHSVgzDVm3N1m11pCDnblCaSzcow8giJ8ybSqMf9KhQ3XE5PrnyVnrx2WIq2SHBfCofEmi1TKGCarIWNKrTw8GkTXUhBQsOCk3/Pdp3/CADThNOkTiClYgtXMRYOmORAJc/wbEBJDYClxOfN4YilVn66G0RFhQhvxCLtTY3paE4XJLDn6OBrr4uimKDe53bGtbMpySWhp2TX17OHuN0fsU4sA9NyMkYZPghGak9lMPlCOm/ZicXLmJvMkaTgcGVLh66l+Uo4fFw5poHharOK/W6NB+ySr5kjgRpya7K1RD+0xVk3TxFbcuQMRr+2WV+N9z9/3zHn2b7zcHSgst83y9pAWQQSQ9Mha2g4sTGNMwYAIR+ZE33p5zxPvHbZhgARAetV0KDpAskw44T76iRIrgpAXD6PqlCNmUA2PdfkCbkIFgAU0Qov3jlssOFFYtXwNXu97eRVlMp21o4DV+0DCOLHPLyBTWLCyXbMquWLFpFZYItVnAMVdQU6mg4ck6cHRXcKmazwacXqJCJcCjFQAIN',
    'base64',
  ),
);
const FILES = { zip: WRITTEN_BY_TORCH.subarray(0, 1_115), legacy: WRITTEN_BY_TORCH.subarray(1_115) };
const CONTAINERS = ['zip', 'legacy'] as const;

const open = (bytes: Uint8Array) => openTorchCheckpoint(bytesSource(bytes));
const problemOf = async (bytes: Uint8Array) => {
  const error = await open(bytes).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ImportError);
  return (error as ImportError).message;
};

describe('a checkpoint that PyTorch wrote', () => {
  it.each(CONTAINERS)(
    'is read from a %s file: transposed weights, a view into a shared storage, an epoch',
    async (container) => {
      const checkpoint = await open(FILES[container]);
      expect(checkpoint.container).toBe(container);
      expect((checkpoint.root as Map<PickleValue, PickleValue>).get('epoch')).toBe(3);
      const weights = openStateDict(checkpoint);
      expect([...weights.keys()]).toEqual(['a.weight', 'a.bias', 'a.num']);
      expect([...(await weights.read('a.weight'))]).toEqual([-1, 0, 1, -0.5, 0.5, 1.5]);
      expect([...(await weights.read('a.bias'))]).toEqual([1, 1.5]);
      expect(weights.shapeOf('a.num')).toEqual([]);
      await expect(weights.read('a.num')).rejects.toThrow('weights of type LongStorage are not supported');
    },
  );

  it.each(CONTAINERS)('never does more than refuse after damage: 300 mutations of the %s file', async (container) => {
    const outcomes = { read: 0, refused: 0 };
    for (let seed = 0; seed < 300; seed++) {
      const mutant = mutate(FILES[container], `${container} ${seed}`);
      try {
        const checkpoint = await open(mutant);
        const weights = openStateDict(checkpoint);
        for (const key of weights.keys()) await weights.read(key).catch(expectRefusal);
        outcomes.read++;
      } catch (error) {
        expectRefusal(error);
        outcomes.refused++;
      }
    }
    // Both happen: a mutation may hit the numbers, or the tables.
    expect(outcomes.read).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(50);
  });

  it.each(CONTAINERS)('is refused when it is cut short anywhere: %s', async (container) => {
    for (let length = 0; length < FILES[container].length; length += 7) {
      expect(await problemOf(FILES[container].subarray(0, length))).not.toBe('');
    }
  });
});

function expectRefusal(error: unknown): void {
  if (!(error instanceof ImportError)) throw error;
}

/** One to four bytes replaced, removed, doubled or moved, by seed. */
function mutate(bytes: Buffer, seed: string): Buffer {
  const random = seededUniform(seed, 32);
  let next = 0;
  const below = (limit: number) => Math.floor(random[next++]! * limit);
  let mutant = Buffer.from(bytes);
  for (let i = 1 + below(4); i > 0; i--) {
    const at = below(mutant.length);
    const count = 1 + below(8);
    const [before, piece, after] = [
      mutant.subarray(0, at),
      mutant.subarray(at, at + count),
      mutant.subarray(at + count),
    ];
    switch (below(5)) {
      case 0:
        mutant = Buffer.concat([before, after]);
        break;
      case 1:
        mutant = Buffer.concat([before, piece, piece, after]);
        break;
      case 2:
        piece.fill(255);
        break;
      default:
        mutant[at] = below(256);
    }
  }
  return mutant;
}

describe('the containers', () => {
  const tensors = new Map<string, SavedTensor>([
    ['a', { shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) }],
    ['module.b', { shape: [1], values: Float32Array.of(5) }],
  ]);

  it.each(['zip', 'legacy'] as const)(
    '%s: weights are found wrapped or bare, the prefix of DataParallel is dropped',
    async (container) => {
      for (const options of [{ container }, { container, wrapper: 'model' }, { container, wrapper: 'state_dict' }]) {
        const weights = openStateDict(await open(torchSave(tensors, options)));
        expect([...weights.keys()]).toEqual(['a', 'b']);
        expect([...(await weights.read('a')), ...(await weights.read('b'))]).toEqual([1, 2, 3, 4, 5]);
      }
    },
  );

  it('a zip around a checkpoint is unwrapped, a zip around that one is not', async () => {
    const inner = torchSave(tensors, { container: 'legacy' });
    const once = storedZip([['weights.pth', inner]]);
    expect((await open(once)).container).toBe('legacy');
    expect(await problemOf(storedZip([['again.zip', once]]))).toContain('no data.pkl');
  });

  it('refuses compressed entries, entries of one name, TorchScript and big-endian files', async () => {
    const files = [['a/data.pkl', Buffer.from('x')]] as const;
    expect(await problemOf(storedZip(files, 8))).toContain('"a/data.pkl" in it is compressed');
    expect(await problemOf(storedZip([...files, ...files]))).toContain('twice');
    expect(await problemOf(storedZip([...files, ['a/constants.pkl', Buffer.alloc(1)]]))).toContain('TorchScript');
    expect(await problemOf(storedZip([...files, ['a/byteorder', Buffer.from('big')]]))).toContain('little-endian');
  });

  it('refuses a storage that is not there or not of its size', async () => {
    const pickled = Buffer.concat([
      Buffer.from([0x80, 2]),
      tensorOf('7', { shape: [2], values: { length: 2 } }),
      Buffer.from('.'),
    ]);
    expect(await problemOf(storedZip([['a/data.pkl', pickled]]))).toBe('its storage "7" is missing');
    const short: [string, Buffer][] = [
      ['a/data.pkl', pickled],
      ['a/data/7', Buffer.alloc(4)],
    ];
    expect(await problemOf(storedZip(short))).toContain('has not the size');
  });

  it.each([
    ['an empty file', Buffer.alloc(0), 'empty'],
    ['a gzip file', Buffer.from('1f8b0800', 'hex'), 'gzip'],
    ['a pickle of protocol 4', Buffer.from('8004952e', 'hex'), 'protocol 4'],
    ['safetensors', Buffer.from('1000000000000000' + Buffer.from('{"a":1}').toString('hex'), 'hex'), 'safetensors'],
    ['a text', Buffer.from('hello world'), '68656c6c'],
  ])('says of %s what it is', async (_what, bytes, said) => {
    expect(await problemOf(bytes)).toContain(said);
  });
});

describe('weights of other types', () => {
  const read = async (type: string, hex: string) => {
    const bytes = Buffer.from(hex, 'hex');
    const size = type === 'DoubleStorage' ? 8 : 2;
    const values = { length: bytes.length / size };
    const tensor = tensorOf('0', { shape: [values.length], values })
      .toString('latin1')
      .replace('FloatStorage', type);
    const pickled = Buffer.concat([Buffer.from([0x80, 2]), Buffer.from(tensor, 'latin1'), Buffer.from('.')]);
    const checkpoint = await open(
      storedZip([
        ['a/data.pkl', pickled],
        ['a/data/0', bytes],
      ]),
    );
    expect(checkpoint.root).toBeInstanceOf(TensorRef);
    return [...(await readTensor(checkpoint, checkpoint.root as TensorRef))];
  };

  it('become float32: half with its smallest and largest numbers, bfloat16, double', async () => {
    expect(await read('HalfStorage', '003c00c00100ff7b')).toEqual([1, -2, 2 ** -24, 65_504]);
    expect(await read('BFloat16Storage', '803f40c0')).toEqual([1, -3]);
    expect(await read('DoubleStorage', '000000000000f83f')).toEqual([1.5]);
  });

  it('are refused when they are not finite', async () => {
    await expect(read('HalfStorage', '007c')).rejects.toThrow('not a finite number');
    await expect(read('BFloat16Storage', 'c07f')).rejects.toThrow('not a finite number');
  });
});
