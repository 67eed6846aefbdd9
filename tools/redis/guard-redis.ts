import { spawn } from 'node:child_process';

/**
 * Ends the server `graceSeconds` after this process has died without a chance to, when its end of the pipe closes; the
 * grace lets others finish that still need Redis. A shell does it: it costs a megabyte. Returns what takes it back.
 */
export function guardRedis(serverPid: number, graceSeconds: number): () => void {
  const guard = spawn(
    'sh',
    ['-c', 'read -r _; sleep "$2"; kill "$1"', 'redis-guard', String(serverPid), String(graceSeconds)],
    { stdio: ['pipe', 'ignore', 'ignore'], detached: true },
  );
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  // The pipe alone must not keep this process alive.
  if ('unref' in guard.stdin && typeof guard.stdin.unref === 'function') guard.stdin.unref();
  return () => guard.kill('SIGKILL');
}
