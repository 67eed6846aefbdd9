import { asError } from './error-code.ts';

/** A running service. `addresses` are what its supervisor tells people and writes to `run.json`. */
export type Service = {
  addresses: Record<string, string>;
  /** Stops in order: no new work, finish what is underway, then connections. */
  close(): Promise<void>;
};

/** What a service tells the supervisor that spawned it with an IPC channel. */
export type ReadyMessage = { type: 'ready'; addresses: Record<string, string> };

const CLOSE_LIMIT_MS = 25_000;

/**
 * Body of every `main.ts`: starts the service and stops it on SIGTERM, SIGINT or when its supervisor dies (the IPC
 * channel disconnects), with a hard limit. Exit code 0 after an orderly stop, 1 otherwise.
 */
export async function runService(start: () => Promise<Service>): Promise<void> {
  let service: Service | undefined;
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    // By SIGKILL, because `process.exit` waits for a thread that is in a native call, such as a model being warmed.
    const endAtOnce = () => process.kill(process.pid, 'SIGKILL');
    setTimeout(endAtOnce, CLOSE_LIMIT_MS).unref();
    // It has taken no work yet, so there is nothing to close in order.
    if (service === undefined) return void endAtOnce();
    service.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`stopping failed: ${asError(error).message}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', stop).on('SIGTERM', stop).on('disconnect', stop);
  try {
    service = await start();
    const ready: ReadyMessage = { type: 'ready', addresses: service.addresses };
    process.send?.(ready);
  } catch (error) {
    process.stderr.write(`could not start: ${asError(error).message}\n`, () => process.exit(1));
  }
}
