import { join } from 'node:path';
import { ROLES } from './roles.ts';
import { listenForStopSignals } from './stop-signals.ts';
import { runSupervisor } from './supervisor.ts';

const root = join(import.meta.dirname, '../..');
const exitCode = await runSupervisor({
  root,
  env: process.env,
  roles: ROLES,
  redisCacheDir: join(root, '.tools/redis'),
  output: process.stdout,
  signals: listenForStopSignals(),
});
process.exit(exitCode);
