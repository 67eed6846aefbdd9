import { z } from 'zod';
import type { Manifest } from './manifest.ts';

/** What a deployment says that it is for. */
export const DeploymentUse = z.enum(['research', 'commercial']);
export type DeploymentUse = z.infer<typeof DeploymentUse>;

/** Why the licence of a bundle does not allow this use; null when it does. Unknown terms do not allow commerce. */
export function refuseByLicence(manifest: Pick<Manifest, 'id' | 'licence'>, use: DeploymentUse): string | null {
  const { id, commercial_use: commercial } = manifest.licence;
  if (use === 'research' || commercial === 'yes') return null;
  const terms = commercial === 'no' ? 'forbids commercial use' : 'does not say whether commercial use is allowed';
  return `the licence of ${manifest.id} (${id.slice(0, 60)}) ${terms}; bring a bundle that allows it, or set DEPLOYMENT_USE=research`;
}
