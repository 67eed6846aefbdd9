import type { AttributeValue, ElementType, OnnxNode, OnnxValue } from '../onnx-writer.ts';

/** A constant whose bytes are made when it is written; `byteLength` is known before. */
export type LazyConstant = {
  name: string;
  type: ElementType;
  dims: readonly number[];
  byteLength: number;
  load(): Promise<Uint8Array>;
};

export type LazyGraph = {
  name: string;
  nodes: OnnxNode[];
  constants: LazyConstant[];
  inputs: OnnxValue[];
  outputs: OnnxValue[];
};

type Attributes = Record<string, AttributeValue>;

/** A graph under construction. Values are known by name; every method that makes one gives its name. */
export type GraphBuilder = {
  input(value: OnnxValue): string;
  output(value: OnnxValue): void;
  op(op: string, inputs: string[], attributes?: Attributes, output?: string): string;
  /** A node with several outputs. */
  opMany(op: string, inputs: string[], outputCount: number, attributes?: Attributes): string[];
  floats(dims: readonly number[], values: readonly number[]): string;
  int64s(values: readonly number[]): string;
  /** Float weights, made when they are written. */
  weight(dims: readonly number[], load: () => Promise<Float32Array<ArrayBuffer>>): string;
  graph(): LazyGraph;
};

export function createGraphBuilder(name: string): GraphBuilder {
  const graph: LazyGraph = { name, nodes: [], constants: [], inputs: [], outputs: [] };
  let valueCount = 0;
  const newName = () => `v${valueCount++}`;
  const addConstant = (constant: Omit<LazyConstant, 'name'>) => {
    const constantName = `c${graph.constants.length}`;
    graph.constants.push({ name: constantName, ...constant });
    return constantName;
  };
  const addNode = (op: string, inputs: string[], outputs: string[], attributes: Attributes) => {
    graph.nodes.push({ op, inputs, outputs, attributes });
    return outputs;
  };
  return {
    input(value) {
      graph.inputs.push(value);
      return value.name;
    },
    output(value) {
      graph.outputs.push(value);
    },
    op: (op, inputs, attributes = {}, output = newName()) => addNode(op, inputs, [output], attributes)[0]!,
    opMany: (op, inputs, outputCount, attributes = {}) =>
      addNode(op, inputs, Array.from({ length: outputCount }, newName), attributes),
    floats(dims, values) {
      const bytes = new Uint8Array(Float32Array.from(values).buffer);
      return addConstant({ type: 'float32', dims, byteLength: bytes.length, load: async () => bytes });
    },
    int64s(values) {
      const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
      return addConstant({ type: 'int64', dims: [values.length], byteLength: bytes.length, load: async () => bytes });
    },
    weight(dims, load) {
      const byteLength = 4 * dims.reduce((product, size) => product * size, 1);
      return addConstant({
        type: 'float32',
        dims,
        byteLength,
        load: async () => new Uint8Array((await load()).buffer),
      });
    },
    graph: () => graph,
  };
}
