import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BundleCheck } from '../../services/gpu-worker/src/check-bundles.ts';
import type { DoctorContext } from './doctor-context.ts';
import { fail } from './finding.ts';
import { judgeDevice, judgeSlot } from './judge-bundles.ts';
import { readGpus } from './read-gpus.ts';
import type { Check } from './run-checks.ts';

/** The bundles of all slots and the device that they run on, as a worker process of its own finds them. */
export const checkBundles: Check = {
  id: 'bundles',
  timeoutMs: 180_000,
  async run(context, signal) {
    const [result, gpus] = await Promise.all([runBundleCheck(context, signal), readGpus(context.env, signal)]);
    if ('problem' in result) {
      return [fail('bundles', `they cannot be checked: ${result.problem}`, 'Correct what it says, then run it again.')];
    }
    return [judgeDevice(result, gpus), ...result.slots.map((slot) => judgeSlot(slot))];
  },
};

/** In a process of its own: native code that crashes or hangs takes only that one along. */
function runBundleCheck({ root, env }: DoctorContext, signal: AbortSignal): Promise<BundleCheck | { problem: string }> {
  const source = join(root, 'services/gpu-worker/src/check-bundles-cli.ts');
  const entry = existsSync(source)
    ? ['--conditions=@touchstone/source', source]
    : [join(root, 'services/gpu-worker/dist/check-bundles-cli.js')];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      entry,
      { cwd: root, env, signal, killSignal: 'SIGKILL', encoding: 'utf8' },
      (error, stdout, stderr) => {
        // It also says by its exit code that a slot is empty: what it printed tells more.
        const check = parseCheck(stdout);
        if (check !== null) return resolve(check);
        const how = error?.signal ? `its process was ended by ${error.signal}` : `exit code ${error?.code ?? 0}`;
        const said = stderr.trim().split('\n').slice(-3).join(' ').slice(0, 300);
        resolve({ problem: said === '' ? how : said });
      },
    );
  });
}

function parseCheck(text: string): BundleCheck | null {
  try {
    return JSON.parse(text) as BundleCheck;
  } catch {
    return null;
  }
}
