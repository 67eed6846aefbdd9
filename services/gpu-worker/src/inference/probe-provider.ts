import { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';
import { encodeOnnxModel, floatConstant } from '@touchstone/models/onnx-writer';
import { asError } from '@touchstone/shared/process/error-code';
import { sessionOptions } from './session-options.ts';
import type { DeviceSettings } from './thread-messages.ts';

const PROBE = encodeOnnxModel({
  name: 'probe',
  nodes: [{ op: 'Add', inputs: ['x', 'one'], outputs: ['y'] }],
  constants: [floatConstant('one', [], [1])],
  inputs: [{ name: 'x', type: 'float32', shape: ['N'] }],
  outputs: [{ name: 'y', type: 'float32', shape: ['N'] }],
});

/**
 * Throws unless the provider computes on this machine. On a GPU the probe forbids the CPU as a fallback, so that a
 * missing library stops the start instead of making everything slow in silence.
 */
export async function probeProvider(settings: DeviceSettings): Promise<void> {
  const { provider, deviceId } = settings;
  if (!listSupportedBackends().some(({ name }) => name === provider)) {
    throw new Error(`this build of onnxruntime-node has no execution provider ${provider}`);
  }
  const options = sessionOptions(settings);
  if (provider !== 'cpu') {
    options.extra = { session: { intra_op: { allow_spinning: '0' }, disable_cpu_ep_fallback: '1' } };
  }
  try {
    const session = await InferenceSession.create(PROBE, options);
    const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(1, 2), [2]) });
    await session.release();
    const [first, second] = (y?.data ?? []) as Float32Array;
    if (first !== 2 || second !== 3) throw new Error('1 + 1 is not 2 there');
  } catch (error) {
    const device = provider === 'cpu' ? 'the CPU' : `${provider} device ${deviceId}`;
    const advice =
      provider === 'cpu'
        ? ''
        : '; the GPU image holds the CUDA libraries (ONNXRUNTIME_NODE_INSTALL=true), EXECUTION_PROVIDER=cpu needs none';
    throw new Error(`onnxruntime cannot compute on ${device}: ${asError(error).message}${advice}`);
  }
}
