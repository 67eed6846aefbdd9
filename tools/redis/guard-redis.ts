import { spawn } from 'node:child_process';

/** Ends at once when the server does: its pid may soon be somebody else's. */
const SCRIPT = `
  read -r _
  left=$2
  while [ "$left" -gt 0 ] && kill -0 "$1"; do sleep 1; left=$((left - 1)); done
  kill "$1"`;

/**
 * Ends the server `graceSeconds` after this process has died without a chance to, when its end of the pipe closes; the
 * grace lets others finish that still need Redis. A shell does it: it costs a megabyte. Returns what takes it back.
 */
export function guardRedis(serverPid: number, graceSeconds: number): () => void {
  const guard = spawn('sh', ['-c', SCRIPT, 'redis-guard', String(serverPid), String(graceSeconds)], {
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
