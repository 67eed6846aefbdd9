/** Base-128 with the low group first; a negative integer takes ten bytes, as two's complement of 64 bits. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

export const varintField = (field: number, value: number) => Buffer.concat([varint(field << 3), varint(value)]);

/** What stands before `length` bytes of a length-delimited field. */
export const bytesFieldHead = (field: number, length: number) =>
  Buffer.concat([varint((field << 3) | 2), varint(length)]);

export function bytesField(field: number, value: Uint8Array | string): Uint8Array {
  const body = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([bytesFieldHead(field, body.length), body]);
}

export function floatField(field: number, value: number): Uint8Array {
  const body = Buffer.alloc(4);
  body.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), body]);
}
