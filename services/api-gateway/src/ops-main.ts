import { runService } from '@touchstone/shared/process/run-service';
import { loadOpsConfig } from './ops/config.ts';
import { startOps } from './ops/start-ops.ts';

await runService(() => startOps(loadOpsConfig(process.env)));
