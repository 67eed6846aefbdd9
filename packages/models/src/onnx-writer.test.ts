import { expect, it } from '@jest/globals';
import { encodeOnnxModel, floatConstant } from './onnx-writer.ts';

const hex = (text: string) => Buffer.from(text).toString('hex');

it('writes a model byte for byte as the ONNX schema says', () => {
  const bytes = encodeOnnxModel({
    name: 'g',
    nodes: [{ op: 'Add', inputs: ['x', 'c'], outputs: ['y'], attributes: { a: { ints: [-1, 300] } } }],
    constants: [floatConstant('c', [], [1])],
    inputs: [{ name: 'x', type: 'float32', shape: ['N', 3] }],
    outputs: [],
  });
  const attribute = `0a01${hex('a')}` + '40ffffffffffffffffff01' + '40ac02' + 'a00107';
  const node = `0a01${hex('x')}0a01${hex('c')}1201${hex('y')}2203${hex('Add')}2a14${attribute}`;
  const constant = `10014201${hex('c')}4a040000803f`;
  const shape = `0a031201${hex('N')}0a020803`;
  const input = `0a01${hex('x')}120f0a0d0801` + `1209${shape}`;
  const lengthOf = (part: string) => (part.length / 2).toString(16).padStart(2, '0');
  const graph = `0a${lengthOf(node)}${node}1201${hex('g')}2a${lengthOf(constant)}${constant}5a${lengthOf(input)}${input}`;
  expect(Buffer.from(bytes).toString('hex')).toBe(`0808120a${hex('touchstone')}3a${lengthOf(graph)}${graph}42021011`);
});
