import { join } from 'node:path';
import { rolesFor } from './roles.ts';
import { listenForStopSignals } from './stop-signals.ts';
import { runSupervisor } from './supervisor.ts';

const root = join(import.meta.dirname, '../..');
const exitCode = await runSupervisor({
  root,
  env: process.env,
  roles: rolesFor(process.env),
  redisCacheDir: join(root, '.tools/redis'),
  output: process.stdout,
  signals: listenForStopSignals(),
});
process.exit(exitCode);
