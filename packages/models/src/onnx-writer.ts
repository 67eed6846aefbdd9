import { bytesField, floatField, varintField } from './protobuf.ts';

/** The parts of ONNX that our graphs need. Field numbers and types: detectors.md section 6.4. */
export type AttributeValue = { float: number } | { int: number } | { string: string } | { ints: number[] };

export type OnnxNode = {
  op: string;
  inputs: string[];
  outputs: string[];
  attributes?: Record<string, AttributeValue>;
  /** Operator set other than the standard one. */
  domain?: string;
};

export const ELEMENT_TYPES = { float32: 1, uint8: 2, int64: 7, float16: 10 } as const;
export type ElementType = keyof typeof ELEMENT_TYPES;

/** Constant of a graph; `bytes` are its values in row-major order, little-endian. */
export type OnnxTensor = { name: string; type: ElementType; dims: number[]; bytes: Uint8Array };

/** Input or output of a graph. A string names a dimension that the caller chooses, such as the batch. */
export type OnnxValue = { name: string; type: ElementType; shape: (number | string)[] };

export type OnnxGraph = {
  name: string;
  nodes: OnnxNode[];
  constants: OnnxTensor[];
  inputs: OnnxValue[];
  outputs: OnnxValue[];
};

export const IR_VERSION = 8;
export const OPSET_VERSION = 17;

/** Writes a whole model file. Weights lie inside it, so it stays under protobuf's limit of 2 GiB. */
export function encodeOnnxModel(graph: OnnxGraph): Uint8Array {
  return Buffer.concat([
    varintField(1, IR_VERSION),
    bytesField(2, 'touchstone'),
    bytesField(7, encodeGraph(graph)),
    bytesField(8, varintField(2, OPSET_VERSION)),
  ]);
}

/** A float constant. */
export function floatConstant(name: string, dims: number[], values: number[]): OnnxTensor {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeFloatLE(value, 4 * i));
  return { name, type: 'float32', dims, bytes };
}

function encodeGraph(graph: OnnxGraph): Uint8Array {
  return Buffer.concat([
    ...graph.nodes.map((node) => bytesField(1, encodeNode(node))),
    bytesField(2, graph.name),
    ...graph.constants.map((tensor) => bytesField(5, encodeTensor(tensor))),
    ...graph.inputs.map((value) => bytesField(11, encodeValue(value))),
    ...graph.outputs.map((value) => bytesField(12, encodeValue(value))),
  ]);
}

export function encodeNode(node: OnnxNode): Uint8Array {
  return Buffer.concat([
    ...node.inputs.map((name) => bytesField(1, name)),
    ...node.outputs.map((name) => bytesField(2, name)),
    bytesField(4, node.op),
    ...Object.entries(node.attributes ?? {}).map(([name, value]) => bytesField(5, encodeAttribute(name, value))),
    ...(node.domain === undefined ? [] : [bytesField(7, node.domain)]),
  ]);
}

function encodeAttribute(name: string, value: AttributeValue): Uint8Array {
  const parts = [bytesField(1, name)];
  if ('float' in value) parts.push(floatField(2, value.float), varintField(20, 1));
  else if ('int' in value) parts.push(varintField(3, value.int), varintField(20, 2));
  else if ('string' in value) parts.push(bytesField(4, value.string), varintField(20, 3));
  else parts.push(...value.ints.map((int) => varintField(8, int)), varintField(20, 7));
  return Buffer.concat(parts);
}

function encodeTensor(tensor: OnnxTensor): Uint8Array {
  return Buffer.concat([
    ...tensor.dims.map((dim) => varintField(1, dim)),
    varintField(2, ELEMENT_TYPES[tensor.type]),
    bytesField(8, tensor.name),
    bytesField(9, tensor.bytes),
  ]);
}

export function encodeValue(value: OnnxValue): Uint8Array {
  const dims = value.shape.map((dim) =>
    bytesField(1, typeof dim === 'string' ? bytesField(2, dim) : varintField(1, dim)),
  );
  const tensorType = Buffer.concat([varintField(1, ELEMENT_TYPES[value.type]), bytesField(2, Buffer.concat(dims))]);
  return Buffer.concat([bytesField(1, value.name), bytesField(2, bytesField(1, tensorType))]);
}
