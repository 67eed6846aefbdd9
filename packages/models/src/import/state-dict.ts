import { ImportError } from './import-error.ts';
import { TensorRef, type PickleValue } from './pickle-values.ts';
import { readTensor } from './read-tensor.ts';
import type { TorchCheckpoint } from './torch-checkpoint.ts';
import type { WeightStore } from './weights.ts';

/** Where training scripts put the weights beside the optimiser and the epoch. */
const WRAPPERS = ['model', 'state_dict'];
/** What `DataParallel` puts before every key. */
const PARALLEL_PREFIX = 'module.';

/** The weights of a checkpoint by key, wherever the training script put them. */
export function openStateDict(checkpoint: TorchCheckpoint): WeightStore {
  const tensors = findTensors(checkpoint.root);
  return {
    shapeOf: (key) => tensors.get(key)?.shape ?? null,
    keys: () => tensors.keys(),
    async read(key) {
      const tensor = tensors.get(key);
      if (tensor === undefined) throw new ImportError(`${key} is missing`);
      return await readTensor(checkpoint, tensor);
    },
  };
}

function findTensors(root: PickleValue): Map<string, TensorRef> {
  if (!(root instanceof Map))
    throw new ImportError('it holds no dictionary of tensors; a whole pickled model is not read');
  const wrapped = WRAPPERS.map((name) => root.get(name)).find((value) => value instanceof Map);
  const tensors = new Map<string, TensorRef>();
  for (const [key, value] of wrapped ?? root) {
    if (typeof key !== 'string' || !(value instanceof TensorRef)) continue;
    const name = key.startsWith(PARALLEL_PREFIX) ? key.slice(PARALLEL_PREFIX.length) : key;
    if (tensors.has(name)) throw new ImportError(`it holds ${JSON.stringify(name.slice(0, 80))} twice`);
    tensors.set(name, value);
  }
  if (tensors.size === 0) throw new ImportError('it holds no tensors');
  return tensors;
}
