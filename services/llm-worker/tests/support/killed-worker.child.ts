import { openObjectStore } from '@touchstone/shared/storage/open-object-store';
import { loadConfig } from '../../src/config.ts';
import { startService } from '../../src/service.ts';

/** An llm-worker that is killed at the moment when it has an answer and wants to store it. */
await startService(loadConfig(process.env), {
  openStore: async (settings) => ({
    ...(await openObjectStore(settings)),
    create: async () => {
      process.kill(process.pid, 'SIGKILL');
      return await new Promise<never>(() => undefined);
    },
  }),
});
