const WIDTH = 30;
const MIN_INTERVAL_MS = 200;
/** Where nobody watches, a line now and then is enough. */
const LINES = 10;

/** Shows how far a long run is: a bar that moves on a terminal, a few lines elsewhere. */
export function createProgressBar(stream: NodeJS.WriteStream, title: string, total: number) {
  const startedMs = performance.now();
  let drawnMs = Number.NEGATIVE_INFINITY;
  let lines = 0;
  return (done: number): void => {
    const nowMs = performance.now();
    const elapsedS = (nowMs - startedMs) / 1_000;
    const restS = done === 0 ? null : Math.round((elapsedS / done) * (total - done));
    const isEnd = done === total;
    const text = `${title} ${done}/${total}${isEnd ? ` in ${elapsedS.toFixed(1)} s` : restS === null ? '' : `, ${restS} s left`}`;
    if (stream.isTTY) {
      if (!isEnd && nowMs - drawnMs < MIN_INTERVAL_MS) return;
      drawnMs = nowMs;
      const filled = Math.round((WIDTH * done) / total);
      stream.write(`\r\x1b[K[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${text}${isEnd ? '\n' : ''}`);
    } else if (isEnd || done * LINES >= (lines + 1) * total) {
      lines = Math.floor((done * LINES) / total);
      stream.write(`${text}\n`);
    }
  };
}
