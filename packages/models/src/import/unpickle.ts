import { ImportError } from './import-error.ts';
import { callByName, readName } from './pickle-names.ts';
import { Opaque, type PickleValue, type StorageRef } from './pickle-values.ts';
import { readStorageId } from './rebuild-tensor.ts';

/** The opcodes of pickle protocol 2 that state dicts use (detectors.md 6.3). Every other one is refused by number. */
const OP = {
  PROTO: 0x80,
  STOP: 0x2e,
  MARK: 0x28,
  EMPTY_DICT: 0x7d,
  EMPTY_LIST: 0x5d,
  EMPTY_TUPLE: 0x29,
  TUPLE: 0x74,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NONE: 0x4e,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  BININT: 0x4a,
  BININT1: 0x4b,
  BININT2: 0x4d,
  LONG1: 0x8a,
  BINFLOAT: 0x47,
  BINUNICODE: 0x58,
  BINPUT: 0x71,
  LONG_BINPUT: 0x72,
  BINGET: 0x68,
  LONG_BINGET: 0x6a,
  GLOBAL: 0x63,
  REDUCE: 0x52,
  BUILD: 0x62,
  BINPERSID: 0x51,
  SETITEM: 0x73,
  SETITEMS: 0x75,
  APPEND: 0x61,
  APPENDS: 0x65,
} as const;

/** Of the published checkpoints the largest pickle, the one with an optimiser, has about 100,000 opcodes. */
const MAX_OPCODES = 1_000_000;
const MAX_MARKS = 1_000;
const MAX_TEXT_BYTES = 65_536;
const MAX_LONG_BYTES = 32;
const PROTOCOL = 2;

export type Unpickled = { value: PickleValue; end: number };

/**
 * Reads one pickle from `at`. A pickle is a program; this runs the part of it that builds dictionaries of tensors and
 * nothing else: no name in it is ever looked up, imported or called. `storages` collects what the tensors refer to.
 */
export function unpickle(bytes: Buffer, at: number, storages: Map<string, StorageRef>): Unpickled {
  const stack: PickleValue[] = [];
  const marks: number[] = [];
  const memo = new Map<number, PickleValue>();
  let position = at;
  let opcodeAt = at;

  const fail = (what: string) => new ImportError(`its pickle is not readable at byte ${opcodeAt}: ${what}`);
  const take = (length: number) => {
    const start = position;
    if (start + length > bytes.length) throw fail('it ends too early');
    position += length;
    return start;
  };
  const pop = (): PickleValue => {
    if (stack.length <= (marks.at(-1) ?? 0)) throw fail('its stack is empty');
    return stack.pop()!;
  };
  const top = (): PickleValue => {
    if (stack.length <= (marks.at(-1) ?? 0)) throw fail('its stack is empty');
    return stack.at(-1)!;
  };
  const popToMark = (): PickleValue[] => {
    const mark = marks.pop();
    if (mark === undefined) throw fail('a mark is missing');
    return stack.splice(mark);
  };
  const popSome = (count: number): PickleValue[] => {
    const values: PickleValue[] = [];
    for (let i = 0; i < count; i++) values.unshift(pop());
    return values;
  };
  const text = (length: number) => {
    if (length > MAX_TEXT_BYTES) throw fail(`a text of ${length} bytes`);
    const start = take(length);
    return bytes.toString('utf8', start, start + length);
  };
  const line = () => {
    const end = bytes.indexOf(0x0a, position);
    if (end < 0 || end - position > MAX_TEXT_BYTES) throw fail('a name does not end');
    const start = take(end + 1 - position);
    return bytes.toString('utf8', start, end);
  };
  const recall = (index: number) => {
    const value = memo.get(index);
    if (value === undefined) throw fail(`nothing was stored as ${index}`);
    return value;
  };
  const setItems = (target: PickleValue, items: PickleValue[]) => {
    if (target instanceof Opaque) return;
    if (!(target instanceof Map) || items.length % 2 !== 0) throw fail('items are set in what is no dictionary');
    for (let i = 0; i < items.length; i += 2) target.set(items[i]!, items[i + 1]!);
  };
  const append = (target: PickleValue, items: PickleValue[]) => {
    if (target instanceof Opaque) return;
    if (!Array.isArray(target)) throw fail('something is appended to what is no list');
    for (const item of items) target.push(item);
  };
  const long = (length: number) => {
    if (length > MAX_LONG_BYTES) throw fail(`an integer of ${length} bytes`);
    const start = take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[start + i]!);
    const signed = BigInt.asIntN(length * 8, value);
    const asNumber = Number(signed);
    return Number.isSafeInteger(asNumber) ? asNumber : signed;
  };

  for (let count = 0; count < MAX_OPCODES; count++) {
    opcodeAt = position;
    const opcode = bytes[take(1)]!;
    switch (opcode) {
      case OP.PROTO: {
        const protocol = bytes[take(1)]!;
        if (protocol !== PROTOCOL)
          throw fail(`protocol ${protocol}; torch.save writes protocol ${PROTOCOL} by default`);
        break;
      }
      case OP.STOP: {
        const value = pop();
        if (stack.length > 0 || marks.length > 0) throw fail('it stops with work left');
        return { value, end: position };
      }
      case OP.MARK:
        if (marks.length === MAX_MARKS) throw fail('it is nested too deeply');
        marks.push(stack.length);
        break;
      case OP.EMPTY_DICT:
        stack.push(new Map());
        break;
      case OP.EMPTY_LIST:
      case OP.EMPTY_TUPLE:
        stack.push([]);
        break;
      case OP.TUPLE:
        stack.push(popToMark());
        break;
      case OP.TUPLE1:
        stack.push(popSome(1));
        break;
      case OP.TUPLE2:
        stack.push(popSome(2));
        break;
      case OP.TUPLE3:
        stack.push(popSome(3));
        break;
      case OP.NONE:
        stack.push(null);
        break;
      case OP.NEWTRUE:
        stack.push(true);
        break;
      case OP.NEWFALSE:
        stack.push(false);
        break;
      case OP.BININT:
        stack.push(bytes.readInt32LE(take(4)));
        break;
      case OP.BININT1:
        stack.push(bytes[take(1)]!);
        break;
      case OP.BININT2:
        stack.push(bytes.readUInt16LE(take(2)));
        break;
      case OP.LONG1:
        stack.push(long(bytes[take(1)]!));
        break;
      case OP.BINFLOAT:
        stack.push(bytes.readDoubleBE(take(8)));
        break;
      case OP.BINUNICODE:
        stack.push(text(bytes.readUInt32LE(take(4))));
        break;
      case OP.BINPUT:
        memo.set(bytes[take(1)]!, top());
        break;
      case OP.LONG_BINPUT:
        memo.set(bytes.readUInt32LE(take(4)), top());
        break;
      case OP.BINGET:
        stack.push(recall(bytes[take(1)]!));
        break;
      case OP.LONG_BINGET:
        stack.push(recall(bytes.readUInt32LE(take(4))));
        break;
      case OP.GLOBAL:
        stack.push(readName(line(), line()));
        break;
      case OP.REDUCE: {
        const args = pop();
        stack.push(callByName(pop(), args));
        break;
      }
      case OP.BUILD:
        // The attributes of an object, such as the module versions that a state dict carries: not needed.
        pop();
        top();
        break;
      case OP.BINPERSID:
        stack.push(readStorageId(pop(), storages));
        break;
      case OP.SETITEM: {
        const item = popSome(2);
        setItems(top(), item);
        break;
      }
      case OP.SETITEMS: {
        const items = popToMark();
        setItems(top(), items);
        break;
      }
      case OP.APPEND: {
        const item = pop();
        append(top(), [item]);
        break;
      }
      case OP.APPENDS: {
        const items = popToMark();
        append(top(), items);
        break;
      }
      default:
        throw fail(`opcode 0x${opcode.toString(16).padStart(2, '0')} has no place in a state dict`);
    }
  }
  throw fail(`more than ${MAX_OPCODES} opcodes`);
}
