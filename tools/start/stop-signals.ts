/** One Ctrl-C arrives up to three times: from the terminal, from npm and from the bootstrap, which both pass it on. */
const SAME_PRESS_MS = 400;

export type StopSignals = {
  /** Aborts at the first signal; the reason is its name. */
  first: AbortSignal;
  /** Aborts at a later one: the person does not want to wait. */
  second: AbortSignal;
  close(): void;
};

/** Listens for SIGINT, SIGTERM and SIGHUP, and for the end of a parent that started this process with an IPC channel. */
export function listenForStopSignals(): StopSignals {
  const first = new AbortController();
  const second = new AbortController();
  let firstAtMs = 0;
  const onSignal = (name: string) => {
    if (!first.signal.aborted) {
      firstAtMs = performance.now();
      first.abort(name);
    } else if (performance.now() - firstAtMs > SAME_PRESS_MS) second.abort();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  const onDisconnect = () => onSignal('its parent has gone');
  process.on('disconnect', onDisconnect);
  return {
    first: first.signal,
    second: second.signal,
    close() {
      for (const signal of signals) process.off(signal, onSignal);
      process.off('disconnect', onDisconnect);
    },
  };
}

export function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
