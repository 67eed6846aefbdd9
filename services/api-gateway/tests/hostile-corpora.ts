import { existsSync } from 'node:fs';
import { join } from 'node:path';

export { filesOfArchive } from '../../../tools/hostile/hostile-files.ts';

/** Fuzzer corpora of the shared material; null when it is not there. */
export function findHostileCorpora(): string | null {
  const shared = process.env['TOUCHSTONE_SHARED'] ?? join(import.meta.dirname, '../../../../shared');
  const folder = join(shared, 'fixtures/hostile');
  return existsSync(folder) ? folder : null;
}
