import { ImportError } from './import-error.ts';
import { ELEMENT_BYTES, GlobalRef, Opaque, TensorRef, type PickleValue } from './pickle-values.ts';
import { rebuildTensor } from './rebuild-tensor.ts';

const REBUILD_TENSOR = 'torch._utils._rebuild_tensor_v2';
const REBUILD_PARAMETER = 'torch._utils._rebuild_parameter';
const ORDERED_DICT = 'collections.OrderedDict';

/** Packages whose objects occur beside weights (an optimiser's state, a loss as a NumPy number). They stay opaque. */
const HARMLESS_PACKAGES = ['torch', 'numpy', 'collections', '_codecs', 'argparse'];

/** Types without a package of their own that occur there too; what else Python has built in is refused. */
const HARMLESS_BUILTINS = ['set', 'dict', 'list', 'int', 'float', 'bool', 'complex', 'slice', 'bytearray', 'object'];

/** The name, when it is on the list; a placeholder when it is harmless; refused by name when it is anything else. */
export function readName(module: string, name: string): GlobalRef | Opaque {
  const global = new GlobalRef(module, name);
  const { qualified } = global;
  if ([REBUILD_TENSOR, REBUILD_PARAMETER, ORDERED_DICT].includes(qualified)) return global;
  if (module === 'torch' && Object.hasOwn(ELEMENT_BYTES, name)) return global;
  const isBuiltin = module === '__builtin__' || module === 'builtins';
  if (isBuiltin && HARMLESS_BUILTINS.includes(name)) return new Opaque();
  if (HARMLESS_PACKAGES.includes(module.split('.', 1)[0]!)) return new Opaque();
  throw new ImportError(
    `it wants to use ${JSON.stringify(qualified.slice(0, 80))}, which no weights need and which could run code: refused, ` +
      'and nothing of it was run. Import only files whose origin you trust',
  );
}

/** What calling this name would give. */
export function callByName(callable: PickleValue, args: PickleValue): PickleValue {
  if (callable instanceof Opaque) return callable;
  if (!(callable instanceof GlobalRef) || !Array.isArray(args))
    throw new ImportError('its pickle calls what is no function');
  switch (callable.qualified) {
    case REBUILD_TENSOR:
      return rebuildTensor(args);
    case REBUILD_PARAMETER:
      if (args[0] instanceof TensorRef) return args[0];
      throw new ImportError('a parameter of it is no tensor');
    case ORDERED_DICT:
      return orderedDict(args[0] ?? []);
    default:
      throw new ImportError(`its pickle calls ${callable.qualified}, which is a type`);
  }
}

function orderedDict(pairs: PickleValue): PickleValue {
  if (!Array.isArray(pairs)) throw new ImportError('an OrderedDict of it is built from no list');
  const map = new Map<PickleValue, PickleValue>();
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) throw new ImportError('an OrderedDict of it is built from no pairs');
    map.set(pair[0]!, pair[1]!);
  }
  return map;
}
