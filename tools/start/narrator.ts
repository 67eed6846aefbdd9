import type { Writable } from 'node:stream';

const QUIET_MS = 10_000;
const MAX_REMEMBERED = 100;

/** Speaks to the person at the terminal. */
export type Narrator = {
  /** One line with the time since the start. */
  say: (text: string) => void;
  /** The same, but a line that was just said is not said again for 10 s: an outage repeats itself fast. */
  sayOnce(text: string): void;
  /** A block as it is. */
  show(block: string): void;
};

/** Lines go nowhere when the terminal or the pipe behind `output` has gone; the run goes on. */
export function createNarrator(output: Writable, nowMs: () => number = () => performance.now()): Narrator {
  const startedMs = nowMs();
  const saidAtMs = new Map<string, number>();
  let open = true;
  output.on('error', () => (open = false));
  const show = (block: string) => {
    if (open) output.write(`${block}\n`);
  };
  const say = (text: string) => show(`${((nowMs() - startedMs) / 1_000).toFixed(1).padStart(7)} s  ${text}`);
  return {
    show,
    say,
    sayOnce(text) {
      const now = nowMs();
      if (now - (saidAtMs.get(text) ?? -Infinity) < QUIET_MS) return;
      if (saidAtMs.size >= MAX_REMEMBERED) saidAtMs.clear();
      saidAtMs.set(text, now);
      say(text);
    },
  };
}
