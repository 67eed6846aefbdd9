import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Manifest, type GraphSpec } from './manifest.ts';

/** A detector on disk whose files are what its manifest says. */
export type Bundle = {
  manifest: Manifest;
  weightsSha256: string;
  /** In the order of `manifest.graphs`. */
  graphPaths: string[];
};

export type BundleProblem = {
  code: 'missing' | 'unreadable' | 'no_manifest' | 'bad_manifest' | 'graph_missing' | 'graph_changed' | 'pytorch_files';
  /** What is wrong and what to do; short, and free of folders above the bundle. */
  detail: string;
};
export type LoadedBundle = { ok: true; bundle: Bundle } | { ok: false; problem: BundleProblem };

/** Digest that stands for a detector's weights: the only file's own, or of the digests of all files in order. */
export function weightsSha256(manifest: Pick<Manifest, 'graphs'>): string {
  const digests = manifest.graphs.flatMap(filesOf).map((file) => file.sha256);
  return digests.length === 1 ? digests[0]! : createHash('sha256').update(digests.join('')).digest('hex');
}

const filesOf = ({ file, sha256, data }: GraphSpec) => [{ file, sha256 }, ...(data === undefined ? [] : [data])];

/** Nothing is there, or a file where a folder should be. */
const ABSENT = ['ENOENT', 'ENOTDIR'];
/** Something is there that this process cannot read: rights, a bad sector, a folder in the place of a file. */
const UNREADABLE = ['EACCES', 'EPERM', 'EIO', 'EISDIR', 'ELOOP', 'ENAMETOOLONG'];

/**
 * Reads a bundle folder and checks every graph against the manifest. What an operator can put right comes back as a
 * problem, a file that cannot be read among it: one bundle must not take the others down.
 */
export async function loadBundle(path: string): Promise<LoadedBundle> {
  const name = basename(path);
  try {
    return await loadReadableBundle(path, name);
  } catch (error) {
    const code = codeOf(error);
    if (!UNREADABLE.includes(code)) throw error;
    return refuse(
      'unreadable',
      `${name} cannot be read by this user (${code}): check the rights of the folder and its files`,
    );
  }
}

async function loadReadableBundle(path: string, name: string): Promise<LoadedBundle> {
  const found = await stat(path).catch(nullWhenAbsent);
  if (found === null) {
    return refuse('missing', `there is no model bundle at ${name}: set the path to a folder with a manifest.json`);
  }
  if (!found.isDirectory()) {
    if (await isPyTorchFile(path)) return refusePyTorch(name);
    return refuse(
      'no_manifest',
      `${name} is a file; a model bundle is a folder with manifest.json and its ONNX graphs`,
    );
  }
  const text = await readFile(join(path, 'manifest.json'), 'utf8').catch(nullWhenAbsent);
  if (text === null) {
    if (await holdsPyTorchFile(path)) return refusePyTorch(name);
    return refuse('no_manifest', `the folder ${name} has no manifest.json: it is not a model bundle`);
  }
  const manifest = parseManifest(text);
  if (typeof manifest === 'string') return refuse('bad_manifest', `manifest.json of ${name} is not valid: ${manifest}`);

  const graphPaths: string[] = [];
  for (const graph of manifest.graphs) {
    for (const { file, sha256 } of filesOf(graph)) {
      const filePath = join(path, file);
      const found = await stat(filePath).catch(nullWhenAbsent);
      if (!found?.isFile()) {
        return refuse('graph_missing', `${file} of ${name} is missing: copy the whole bundle again`);
      }
      if ((await sha256OfFile(filePath)) !== sha256) {
        return refuse(
          'graph_changed',
          `${file} of ${name} is not the file that its manifest names (sha256 differs): copy the whole bundle again`,
        );
      }
    }
    graphPaths.push(join(path, graph.file));
  }
  return { ok: true, bundle: { manifest, weightsSha256: weightsSha256(manifest), graphPaths } };
}

function nullWhenAbsent(error: unknown): null {
  if (ABSENT.includes(codeOf(error))) return null;
  throw error;
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? '';

const refuse = (code: BundleProblem['code'], detail: string): LoadedBundle => ({
  ok: false,
  problem: { code, detail: detail.slice(0, 300) },
});

const refusePyTorch = (name: string) =>
  refuse(
    'pytorch_files',
    `${name}: these are PyTorch files; convert them to a bundle with npm run import-weights (docs/import-weights.md)`,
  );

/** The manifest, or what is wrong with it: the first complaint with its place. */
function parseManifest(text: string): Manifest | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is not JSON';
  }
  const parsed = Manifest.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return `${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'unknown'}`;
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function holdsPyTorchFile(folder: string): Promise<boolean> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isFile() && (await isPyTorchFile(join(folder, entry.name)))) return true;
  }
  return false;
}

/**
 * By name, or by the first bytes: a zip (torch >= 1.6), or a pickle of protocol 2, which is how older ones begin.
 */
async function isPyTorchFile(path: string): Promise<boolean> {
  if (/\.(pth|pt|tar|safetensors)$/i.test(path)) return true;
  const file = await open(path).catch(() => null);
  if (file === null) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    const magic = buffer.subarray(0, bytesRead);
    return magic.equals(Buffer.from('PK\x03\x04', 'latin1')) || (magic[0] === 0x80 && magic[1] === 0x02);
  } finally {
    await file.close();
  }
}
