import { parseArgs } from 'node:util';
import { PARTS, type Part } from '@touchstone/models/import/licence-terms';

export const USAGE = `Usage: npm run import-weights -- FILE [--as sbi|distildire|adm] [--out DIR] [--accept-licence]
Turns published PyTorch weights into a bundle that a worker can load. No Python, and nothing in FILE is ever run.
  FILE              a checkpoint, or deepfake_deployment.tar.gz with deployment_package/models/{sbi,distildire}
  --as              the network that the weights are for; needed for a checkpoint, a choice for an archive
  --out DIR         folder of the bundle (of an archive: of the bundles); default DATA_DIR/models/{sbi,distildire}
  --accept-licence  accept the terms that are shown, instead of being asked
DistilDIRE needs two checkpoints in one folder: --as adm and --as distildire, in any order.`;

export type ImportOptions = { file: string; as: Part | null; out: string | null; acceptLicence: boolean };

/** Throws on a command line that it does not understand; null when help is asked for. */
export function parseImportOptions(args: string[]): ImportOptions | null {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      as: { type: 'string' },
      out: { type: 'string' },
      'accept-licence': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new Error('exactly one FILE is needed');
  const as = PARTS.find((part) => part === values.as) ?? null;
  if (values.as !== undefined && as === null) throw new Error(`--as takes ${PARTS.join(', ')}`);
  if (as === null && !/\.(tar\.gz|tgz)$/i.test(file)) throw new Error('a checkpoint needs --as');
  return { file, as, out: values.out ?? null, acceptLicence: values['accept-licence'] };
}
