import { asError } from '@touchstone/shared/process/error-code';
import type { DoctorContext } from './doctor-context.ts';
import { fail, type Finding } from './finding.ts';

/** Looks at one thing, and changes nothing that outlives it. */
export type Check = {
  id: string;
  /** One that has not answered by then is itself a failure; its signal fires. */
  timeoutMs: number;
  run: (context: DoctorContext, signal: AbortSignal) => Promise<Finding[]>;
};

/** Runs all checks at once; gives the findings of each as soon as those before it are given, in the order of the list. */
export async function* runChecks(checks: readonly Check[], context: DoctorContext): AsyncGenerator<Finding[]> {
  const underway = checks.map((check) => runCheck(check, context));
  for (const findings of underway) yield await findings;
}

async function runCheck(check: Check, context: DoctorContext): Promise<Finding[]> {
  const controller = new AbortController();
  const late = Promise.withResolvers<Finding[]>();
  const timer = setTimeout(() => {
    late.resolve([
      fail(
        check.id,
        `no answer within ${check.timeoutMs / 1_000} s`,
        'Something that this check asks hangs: look at the machine (disk, network, GPU), then run it again.',
      ),
    ]);
    controller.abort();
  }, check.timeoutMs);
  try {
    return await Promise.race([late.promise, check.run(context, controller.signal)]);
  } catch (error) {
    const { message } = asError(error);
    return [fail(check.id, `the check itself failed: ${message.split('\n')[0]}`, 'Run it again; this is unexpected.')];
  } finally {
    clearTimeout(timer);
  }
}
