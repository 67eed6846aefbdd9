import { ImportError } from './import-error.ts';

/** A tensor that a graph needs; its values are read when they are written, so that only one is in memory at a time. */
export type Weight = {
  shape: readonly number[];
  values: () => Promise<Float32Array<ArrayBuffer>>;
};

/**
 * The tensors of a state dict, as a graph builder asks for them. Building declares what the graph needs, so there is one
 * description of a network and not a list of keys beside it.
 */
export type Weights = {
  /** The tensor of this key, which must have this shape. What is missing or differs is told by `assertComplete`. */
  take(key: string, shape: readonly number[]): Weight;
  /** A key that may be there and is not used. */
  skip(key: string): void;
  /** The shape under a key, where a network has variants; null when it is not there. */
  shapeOf(key: string): readonly number[] | null;
};

export type WeightStore = {
  shapeOf(key: string): readonly number[] | null;
  keys(): Iterable<string>;
  read(key: string): Promise<Float32Array<ArrayBuffer>>;
};

/** `assertComplete` throws unless the store held exactly what was taken or skipped. */
export function createWeights(store: WeightStore): Weights & { assertComplete(): void } {
  const used = new Set<string>();
  const problems: string[] = [];
  return {
    take(key, shape) {
      const found = store.shapeOf(key);
      used.add(key);
      if (found === null) problems.push(`${key} is missing`);
      else if (!isSameShape(found, shape)) problems.push(`${key} is [${found.join(', ')}], not [${shape.join(', ')}]`);
      return { shape, values: () => store.read(key) };
    },
    skip(key) {
      used.add(key);
    },
    shapeOf: (key) => store.shapeOf(key),
    assertComplete() {
      for (const key of store.keys()) if (!used.has(key)) problems.push(`${key.slice(0, 80)} is not known`);
      if (problems.length === 0) return;
      const shown = problems.slice(0, 5).join('; ');
      const more = problems.length > 5 ? `; and ${problems.length - 5} more` : '';
      throw new ImportError(`its tensors are not those of this network: ${shown}${more}`);
    },
  };
}

const isSameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((size, i) => size === b[i]);
