import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

const MAX_LOG_BYTES = 20 * 1024 * 1024;

export type LogFile = { write(line: string): void; close(): void };

/**
 * Appends lines; past `maxBytes` the file becomes `.1` and a new one begins. Whatever goes wrong here (a full disk) is
 * swallowed: a log must never take down what it tells about.
 */
export function openLogFile(path: string, maxBytes: number = MAX_LOG_BYTES): LogFile {
  let file = openSync(path, 'a', 0o600);
  let bytes = fstatSync(file).size;
  const rotate = () => {
    renameSync(path, `${path}.1`);
    const next = openSync(path, 'a', 0o600);
    closeSync(file);
    file = next;
    bytes = 0;
  };
  let open = true;
  return {
    write(line) {
      if (!open) return;
      const data = Buffer.from(`${line}\n`);
      try {
        if (bytes > 0 && bytes + data.byteLength > maxBytes) rotate();
        bytes += writeSync(file, data);
      } catch {
        // See above.
      }
    },
    close() {
      open = false;
      closeSync(file);
    },
  };
}
