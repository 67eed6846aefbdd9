import type { Scenario } from '../scenario.ts';

/** A replica takes over. A managed Redis moves the one address that our clients know; Sentinels tell another. */
export const failover: Scenario = {
  id: 'C7',
  title: 'Sentinel failover',
  run: async () => ({ skipped: 'clients follow the one address of REDIS_URL and ask no Sentinel' }),
};
