// Preloaded into every service. When the supervisor is killed, nobody reads their output any more; without a listener
// the first line that is written then ends the process, in the middle of its orderly stop.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
