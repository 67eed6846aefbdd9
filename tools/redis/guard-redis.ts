import { spawn } from 'node:child_process';

/** A server that was asked to end has so long. */
const SHUTDOWN_SECONDS = 10;

/** Signals no server that has ended: its pid may soon be somebody else's. */
const SCRIPT = `
  read -r _
  left=$2
  while [ "$left" -gt 0 ] && kill -0 "$1"; do sleep 1; left=$((left - 1)); done
  [ "$left" -gt 0 ] || kill "$1"
  left=$4
  while [ "$left" -gt 0 ] && kill -0 "$1"; do sleep 1; left=$((left - 1)); done
  [ "$left" -gt 0 ] || kill -9 "$1"
  rm -rf -- "$3"`;

/**
 * Ends the server `graceSeconds` after this process has died without a chance to, when its end of the pipe closes; the
 * grace lets others finish that still need Redis. Then it removes the folder of its socket. A shell does it: it costs a
 * megabyte. Returns what takes it back.
 */
export function guardRedis(serverPid: number, socketDir: string, graceSeconds: number): () => void {
  const args = [serverPid, graceSeconds, socketDir, SHUTDOWN_SECONDS].map(String);
  const guard = spawn('sh', ['-c', SCRIPT, 'redis-guard', ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  // The pipe alone must not keep this process alive.
  if ('unref' in guard.stdin && typeof guard.stdin.unref === 'function') guard.stdin.unref();
  return () => guard.kill('SIGKILL');
}
