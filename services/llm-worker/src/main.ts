import { runService } from '@touchstone/shared/process/run-service';
import { loadConfig } from './config.ts';
import { startService } from './service.ts';

await runService(() => startService(loadConfig(process.env)));
