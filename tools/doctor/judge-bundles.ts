import type { BundleCheck, SlotCheck } from '../../services/gpu-worker/src/check-bundles.ts';
import { fail, ok, skip, type Finding } from './finding.ts';

/** How a GPU comes to compute; performance.md section 2.2. */
const CUDA_ADVICE =
  'onnxruntime needs its CUDA 12 provider (install onnxruntime-node once with its script and ONNXRUNTIME_NODE_INSTALL=true), ' +
  'and the CUDA 12 and cuDNN 9 libraries on LD_LIBRARY_PATH; or run on the CPU: EXECUTION_PROVIDER=cpu';

/** Whether the configured device computes at all; `gpus` as `nvidia-smi` lists them, null without it. */
export function judgeDevice(check: BundleCheck, gpus: string[] | null): Finding {
  const { provider, device_id: device, device_problem: problem, backends } = check;
  const facts = { provider, device_id: device, device_problem: problem, backends, gpus };
  if (provider === 'cpu') {
    if (problem === null) return skip('gpu', 'EXECUTION_PROVIDER is cpu: no GPU is used', facts);
    return fail('onnxruntime', problem, 'Install again: remove node_modules and run `npm start`.', facts);
  }
  if (problem === null) return ok('gpu', `onnxruntime computes on cuda device ${device}${nameOf(gpus, device)}`, facts);
  if (gpus === null || gpus.length === 0) {
    const advice =
      'Install the NVIDIA driver, and start a container with its GPUs (docker run --gpus all); or set EXECUTION_PROVIDER=cpu.';
    return fail('gpu', `nvidia-smi shows no GPU; ${problem}`, advice, facts);
  }
  if (device >= gpus.length) {
    const advice = `Set DEVICE_ID to a number from 0 to ${gpus.length - 1}.`;
    return fail('gpu', `DEVICE_ID is ${device}, but nvidia-smi lists ${gpus.length} GPUs`, advice, facts);
  }
  return fail('gpu', `${gpus[device]} is there, but ${problem}`, CUDA_ADVICE, facts);
}

const nameOf = (gpus: string[] | null, device: number) => (gpus?.[device] === undefined ? '' : ` (${gpus[device]})`);

export function judgeSlot(check: SlotCheck): Finding {
  const id = `bundle-${check.slot}`;
  const name = [check.folder, check.id !== null && check.id !== check.folder ? check.id : null, check.version]
    .filter((part) => part !== null)
    .join(' ');
  const facts = { ...check };
  if (check.problem === null) {
    const warm = `${check.warm_ms!.toFixed(1)} ms warm`;
    const opsets = [...new Set(check.opsets)].map((opset) => opset ?? 'unknown').join(', ');
    const sha256 = check.weights_sha256?.slice(0, 12);
    return ok(
      id,
      `${name}: sha256 ${sha256} ok, opset ${opsets}, ${check.provider}, golden vectors ok, ${warm}`,
      facts,
    );
  }
  if (check.problem.code === 'device')
    return skip(id, `${name}: sha256 ok; not run, as its device cannot compute`, facts);
  // What could not even be loaded names itself.
  const hasRun = check.problem.code === 'golden' || check.problem.code === 'unusable';
  return fail(id, hasRun ? `${name}: ${check.problem.detail}` : check.problem.detail, adviceFor(check), facts);
}

function adviceFor({ slot, problem, opsets }: SlotCheck): string {
  const variable = `MODEL_${slot.toUpperCase()}_PATH`;
  switch (problem!.code) {
    case 'unreadable':
      return `Let the user that runs Touchstone read it, or correct ${variable}. Until then the slot is unavailable.`;
    case 'wrong_scope':
      return `Set ${variable} to a bundle for this slot; were the two variables swapped? Until then the slot takes no jobs.`;
    case 'missing':
    case 'no_manifest':
      return `Correct ${variable}, or unset it for the bundle that ships. Until then the slot is unavailable.`;
    case 'bad_manifest':
      return 'Correct manifest.json; CONTRIBUTING.md, Add a detector, says where every field is explained.';
    case 'graph_missing':
    case 'graph_changed':
      return 'Manifest and graphs are of different copies, or one was cut short: replace the folder as a whole.';
    case 'pytorch_files':
      return `Convert them with npm run import-weights (docs/import-weights.md), then set ${variable} to the bundle.`;
    case 'licence':
      return `Set ${variable} to another bundle. Until then the slot is unavailable.`;
    case 'golden':
      return 'Try EXECUTION_PROVIDER=cpu; if that misses them too, the manifest belongs to other weights.';
    case 'unusable':
      return `Check that the graphs are what manifest.json says (names, shapes, opset ${opsets.join(', ')}), with onnxruntime of this release.`;
    case 'device':
      return 'Make its device compute first.';
  }
}
