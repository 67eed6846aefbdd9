import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GoldenVector, Manifest } from '../manifest.ts';
import { assembleManifest, detectorOf, PARTS_OF } from './assemble-manifest.ts';
import { ImportError } from './import-error.ts';
import { ImportRecord, recordFileOf } from './import-record.ts';
import { LICENCE_TERMS, termsSha256, type Part } from './licence-terms.ts';
import type { OpenedPart } from './open-part.ts';
import { writeCard } from './write-card.ts';
import { writeOnnxFile } from './write-onnx-file.ts';

export type Acceptance = { by: string; at: Date; how: 'asked' | 'flag' };

/** Runs the graphs of a bundle on seeded inputs and gives the vectors that a worker has to reproduce. */
export type MeasureGolden = (manifest: Manifest, graphPaths: string[]) => Promise<GoldenVector[]>;

export type ImportPartOptions = {
  opened: OpenedPart;
  source: { file: string; sha256: string; bytes: number };
  /** The bundle's folder; made when absent. */
  folder: string;
  acceptance: Acceptance;
  importer: string;
  measureGolden: MeasureGolden;
  signal?: AbortSignal;
  onProgress?: (share: number) => void;
};

/** The manifest when the bundle is complete, else what is still to be imported into the same folder. */
export type ImportResult =
  { part: Part; manifest: Manifest; missing: [] } | { part: Part; manifest: null; missing: Part[] };

/**
 * Converts one part into `folder`. Files are written beside and moved in when they are whole, the record after its graph
 * and the manifest last: a folder with a manifest is a complete bundle, whatever was interrupted.
 */
export async function importPart(options: ImportPartOptions): Promise<ImportResult> {
  const { folder, opened } = options;
  const { part } = opened;
  await mkdir(folder, { recursive: true });
  const isThere = await stat(join(folder, 'manifest.json')).catch(() => null);
  if (isThere !== null)
    throw new ImportError('the folder holds a bundle already: name another one with --out, or remove it');
  const scratch = await mkdtemp(join(folder, '.importing-'));
  try {
    const record = await convert(options, scratch);
    const files = [record.graph.file, ...(record.graph.data === undefined ? [] : [record.graph.data.file])];
    for (const file of files) await rename(join(scratch, file), join(folder, file));
    await publish(scratch, folder, recordFileOf(part), `${JSON.stringify(record, null, 2)}\n`);

    const detector = detectorOf(part);
    const records = await readRecords(folder, PARTS_OF[detector]);
    const missing = PARTS_OF[detector].filter((wanted) => !records.some((found) => found.part === wanted));
    if (missing.length > 0) return { part, manifest: null, missing };

    const draft = assembleManifest(detector, records, [{ input: 'hash', probability: 0.5, tolerance: 0.05 }]);
    const graphPaths = draft.graphs.map(({ file }) => join(folder, file));
    options.signal?.throwIfAborted();
    const golden = await options.measureGolden(draft, graphPaths);
    const manifest = assembleManifest(detector, records, golden);
    await publish(scratch, folder, 'CARD.md', writeCard(detector, manifest, records));
    await publish(scratch, folder, 'manifest.json', `${JSON.stringify(manifest, null, 2)}\n`);
    return { part, manifest, missing: [] };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function convert(options: ImportPartOptions, scratch: string): Promise<ImportRecord> {
  const { opened, source, acceptance, importer, signal, onProgress } = options;
  const { part, container, build } = opened;
  const [model, data] = await writeOnnxFile(build.graph, {
    folder: scratch,
    file: build.file,
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
  });
  const terms = LICENCE_TERMS[part];
  return ImportRecord.parse({
    format: 1,
    part,
    importer,
    imported_at: new Date().toISOString(),
    source: { ...source, container },
    graph: {
      file: model.file,
      sha256: model.sha256,
      ...(data !== undefined && { data: { file: data.file, sha256: data.sha256 } }),
      inputs: build.inputs,
      outputs: build.outputs,
    },
    licence: {
      id: terms.licenceId,
      accepted_by: acceptance.by,
      accepted_at: acceptance.at.toISOString(),
      accepted_how: acceptance.how,
      terms_sha256: termsSha256(terms),
    },
  });
}

async function publish(scratch: string, folder: string, file: string, text: string): Promise<void> {
  await writeFile(join(scratch, file), text, { flush: true });
  await rename(join(scratch, file), join(folder, file));
}

async function readRecords(folder: string, parts: readonly Part[]): Promise<ImportRecord[]> {
  const records: ImportRecord[] = [];
  for (const part of parts) {
    const text = await readFile(join(folder, recordFileOf(part)), 'utf8').catch(() => null);
    if (text === null) continue;
    const parsed = ImportRecord.safeParse(parseJson(text));
    if (!parsed.success)
      throw new ImportError(`${recordFileOf(part)} in the folder is not readable: import that part again`);
    records.push(parsed.data);
  }
  return records;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
