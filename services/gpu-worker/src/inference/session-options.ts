import type { InferenceSession } from 'onnxruntime-node';
import type { DeviceSettings } from './thread-messages.ts';

/** Why each: performance.md section 8. Spinning threads take the cores from decoding; the CPU arena never shrinks. */
export function sessionOptions(settings: DeviceSettings): InferenceSession.SessionOptions {
  return {
    executionProviders: settings.provider === 'cuda' ? [{ name: 'cuda', deviceId: settings.deviceId }] : ['cpu'],
    intraOpNumThreads: settings.intraOpThreads,
    interOpNumThreads: 1,
    enableCpuMemArena: settings.provider !== 'cpu',
    logSeverityLevel: 4,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
}
