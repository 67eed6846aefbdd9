import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What `apt-get install --no-install-recommends` needs for a radosgw of one's own. */
export const RADOSGW_PACKAGES = ['ceph-mon', 'ceph-osd', 'radosgw'] as const;

const PROGRAMS = ['ceph', 'ceph-authtool', 'ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin', 'setpriv'];

/** Whether `startRadosgw` finds all its programs on PATH. */
export function isRadosgwInstalled(): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  return PROGRAMS.every((program) => folders.some((folder) => existsSync(join(folder, program))));
}
