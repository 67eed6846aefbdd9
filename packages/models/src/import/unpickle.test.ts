import { describe, expect, it } from '@jest/globals';
import { ImportError } from './import-error.ts';
import { Opaque } from './pickle-values.ts';
import { global, int, pickle, tensorOf, text } from './torch-save.ts';
import { unpickle } from './unpickle.ts';

const read = (...parts: Uint8Array[]) => unpickle(pickle(...parts), 0, new Map()).value;
const ops = (latin1: string) => Buffer.from(latin1, 'latin1');

describe('the restricted unpickler', () => {
  it.each([
    ['os', 'system'],
    ['posix', 'system'],
    ['subprocess', 'Popen'],
    ['builtins', 'eval'],
    ['__builtin__', 'exec'],
    ['mymodel', 'Net'],
  ])('refuses %s.%s by its name, called or not', (module, name) => {
    const called = [global(module, name), ops('('), text('touch /tmp/owned'), ops('tR')];
    expect(() => read(...called)).toThrow(`"${module}.${name}"`);
    expect(() => read(global(module, name))).toThrow(ImportError);
  });

  it('puts a placeholder where an optimiser keeps what is no weight, and calls nothing', () => {
    const defaults = [global('collections', 'defaultdict'), ops('('), global('builtins', 'dict'), ops('tR')];
    const scalar = [global('numpy.core.multiarray', 'scalar'), ops(')R')];
    const value = read(ops('}('), text('state'), ...defaults, text('loss'), ...scalar, ops('u'));
    expect([...(value as Map<string, unknown>).values()].every((item) => item instanceof Opaque)).toBe(true);
  });

  it.each([
    ['INST', 'i'],
    ['OBJ', 'o'],
    ['NEWOBJ', '\x81'],
    ['EXT1', '\x82'],
    ['STACK_GLOBAL', '\x93'],
    ['PERSID', 'P'],
    ['BINBYTES', 'B'],
    ['INT', 'I'],
  ])('refuses the opcode %s by its number and place', (_name, opcode) => {
    const number = opcode.charCodeAt(0).toString(16).padStart(2, '0');
    expect(() => read(ops(`N${opcode}`))).toThrow(`at byte 3: opcode 0x${number} has no place`);
  });

  it('reads the numbers of protocol 2', () => {
    expect(read(ops('(K\xffM\xff\xffJ\xff\xff\xff\xffG?\xf8\0\0\0\0\0\0\x8a\x01\xfe\x88\x89Nt'))).toEqual([
      255,
      65_535,
      -1,
      1.5,
      -2,
      true,
      false,
      null,
    ]);
  });

  it('keeps a key named __proto__ a key', () => {
    const value = read(ops('}'), text('__proto__'), int(1), ops('s'));
    expect(value).toEqual(new Map([['__proto__', 1]]));
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each([
    ['a stack that is empty', ops('0')],
    ['a missing mark', ops('t')],
    ['something stored that was not', ops('h\x07')],
    ['items without a value', Buffer.concat([ops('}('), text('a'), ops('u')])],
    ['a list that is a number', Buffer.concat([int(1), int(2), ops('a')])],
    ['an item below a mark', ops('](a')],
    ['a call of a number', Buffer.concat([int(1), ops(')R')])],
    ['a call of a storage type', Buffer.concat([global('torch', 'FloatStorage'), ops(')R')])],
    ['an end with work left', ops('NN')],
    ['a text longer than the file', ops('X\xff\xff\0\0abc')],
    ['a text of a gigabyte', ops('X\0\0\0\x40abc')],
    ['an integer of 255 bytes', ops('\x8a\xff')],
    ['a name without an end', ops('cos')],
    ['a thousand marks and one', ops('('.repeat(1_001))],
    ['an unknown persistent id', Buffer.concat([ops('('), text('module'), ops('tQ')])],
  ])('refuses %s', (_what, body) => {
    expect(() => read(body)).toThrow(ImportError);
  });

  it('stops after a million opcodes', () => {
    expect(() => read(Buffer.alloc(1_200_000, '}'))).toThrow('more than 1000000 opcodes');
  });

  it.each([
    ['beyond its storage', { shape: [3], values: { length: 2 } }, {}],
    ['behind an offset', { shape: [2], values: { length: 2 } }, { offset: 1 }],
    ['by its strides', { shape: [2], values: { length: 2 } }, { strides: [2] }],
    ['backwards', { shape: [2], values: { length: 2 } }, { strides: [-1] }],
    ['without strides', { shape: [2], values: { length: 2 } }, { strides: [] }],
    ['with nine dimensions', { shape: [1, 1, 1, 1, 1, 1, 1, 1, 1], values: { length: 1 } }, {}],
    ['before its storage', { shape: [1], values: { length: 1 } }, { offset: -1 }],
  ])('refuses a tensor that reaches %s', (_how, tensor, wrong) => {
    expect(() => read(tensorOf('0', tensor, wrong))).toThrow(ImportError);
  });

  it('refuses one storage described in two ways', () => {
    const two = [1, 2].map((length) => tensorOf('0', { shape: [1], values: { length } }));
    expect(() => read(ops('('), ...two, ops('t'))).toThrow('described twice');
  });
});
