import { addDiffusionUnet, UNET_SIDE_PX } from './diffusion-unet.ts';
import { addEfficientNetB4, B4_SIDE_PX } from './efficientnet-b4.ts';
import { createGraphBuilder, type GraphBuilder, type LazyGraph } from './graph-builder.ts';
import { ImportError } from './import-error.ts';
import type { Part } from './licence-terms.ts';
import { addResnetStudent } from './resnet-student.ts';
import type { Weights } from './weights.ts';

/** A part as a graph file, and the names under which a bundle's other graphs know its values. */
export type PartGraph = {
  file: string;
  graph: LazyGraph;
  inputs: Record<string, string>;
  outputs: Record<string, string>;
};

/** A key that only this network has. */
const MARKS: Record<Part, string> = {
  sbi: 'net._conv_stem.weight',
  distildire: 'student_backbone.conv1.weight',
  adm: 'input_blocks.0.0.weight',
};

/** Which network these weights are of; null when they are of none that can be imported. */
export function recognisePart(weights: Pick<Weights, 'shapeOf'>): Part | null {
  return (Object.keys(MARKS) as Part[]).find((part) => weights.shapeOf(MARKS[part]) !== null) ?? null;
}

/** Declares the graph of a part. Reads no weights yet: it says which ones it takes. */
export function buildPartGraph(part: Part, weights: Weights): PartGraph {
  const g = createGraphBuilder(part);
  switch (part) {
    case 'sbi':
      return buildSbi(g, weights);
    case 'distildire':
      return buildStudent(g, weights);
    case 'adm':
      return buildAdm(g, weights);
  }
}

/** Takes the bytes of a crop as they are: 0..255 becomes 0..1 inside. */
function buildSbi(g: GraphBuilder, weights: Weights): PartGraph {
  const bytes = g.input({ name: 'image', type: 'uint8', shape: ['N', B4_SIDE_PX, B4_SIDE_PX, 3] });
  const floats = g.op('Cast', [bytes], { to: { int: 1 } });
  const planes = g.op('Transpose', [floats], { perm: { ints: [0, 3, 1, 2] } });
  const logits = addEfficientNetB4({ g, weights }, g.op('Div', [planes, g.floats([], [255])]));
  g.op('Identity', [logits], {}, 'logits');
  g.output({ name: 'logits', type: 'float32', shape: ['N', 2] });
  return { file: 'model.onnx', graph: g.graph(), inputs: { image: 'image' }, outputs: { logits: 'logits' } };
}

const picture = (name: string) => ({
  name,
  type: 'float32' as const,
  shape: ['N', 3, UNET_SIDE_PX, UNET_SIDE_PX],
});

/** The published student reads picture and noise; a variant of it the noise alone. */
function buildStudent(g: GraphBuilder, weights: Weights): PartGraph {
  const channels = weights.shapeOf(MARKS.distildire)?.[1];
  const names = channels === 3 ? ['eps'] : ['image', 'eps'];
  const inputs = names.map((name) => g.input(picture(name)));
  const x = inputs.length === 1 ? inputs[0]! : g.op('Concat', inputs, { axis: { int: 1 } });
  const logit = addResnetStudent({ g, weights }, x, 3 * inputs.length);
  g.op('Identity', [logit], {}, 'logit');
  g.output({ name: 'logit', type: 'float32', shape: ['N', 1] });
  return {
    file: 'student.onnx',
    graph: g.graph(),
    inputs: Object.fromEntries(names.map((name) => [name, name])),
    outputs: { logit: 'logit' },
  };
}

/** Group norm has 32 groups and attention heads of 64 channels; 256 is the published width, 32 that of the tests. */
const MAX_BASE_WIDTH = 512;

function buildAdm(g: GraphBuilder, weights: Weights): PartGraph {
  const width = weights.shapeOf(MARKS.adm)?.[0] ?? 256;
  if (width % 32 !== 0 || width === 0 || width > MAX_BASE_WIDTH) {
    throw new ImportError(`its base width is ${width}, with which this network does not exist`);
  }
  const eps = addDiffusionUnet({ g, weights }, g.input(picture('image')), width);
  g.op('Identity', [eps], {}, 'eps');
  g.output(picture('eps'));
  return { file: 'adm.onnx', graph: g.graph(), inputs: { image: 'image' }, outputs: { eps: 'eps' } };
}
