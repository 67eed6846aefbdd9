import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { openFileSource } from '@touchstone/models/import/byte-source';
import { detectorOf } from '@touchstone/models/import/assemble-manifest';
import { ImportError } from '@touchstone/models/import/import-error';
import {
  importPart,
  type Acceptance,
  type ImportResult,
  type MeasureGolden,
} from '@touchstone/models/import/import-part';
import { formatTerms, LICENCE_TERMS, PARTS, type Part } from '@touchstone/models/import/licence-terms';
import { openPart } from '@touchstone/models/import/open-part';
import { unpackDeployment } from '@touchstone/models/import/unpack-deployment';
import type { ImportOptions } from './import-options.ts';

export type ImportContext = {
  options: ImportOptions;
  /** Where relative paths start. */
  workingFolder: string;
  /** Where bundles go without `--out`. */
  modelsFolder: string;
  user: string;
  importer: string;
  measureGolden: MeasureGolden;
  /** Asks a person; null where there is none to ask. */
  ask: ((question: string) => Promise<string>) | null;
  say: (text: string) => void;
  signal?: AbortSignal;
};

const NOBODY_TO_ASK = 'the terms have to be accepted: run it in a terminal, or read them and add --accept-licence';

/** Imports what the file holds, and gives what became of each part. Throws an ImportError that says why not. */
export async function runImport(context: ImportContext): Promise<ImportResult[]> {
  const { options } = context;
  if (context.ask === null && !options.acceptLicence) {
    for (const part of options.as === null ? PARTS : [options.as]) context.say(formatTerms(LICENCE_TERMS[part]));
    throw new ImportError(NOBODY_TO_ASK);
  }
  const file = resolve(context.workingFolder, options.file);
  const outFolder = options.out === null ? null : resolve(context.workingFolder, options.out);
  if (!(await isGzip(file))) {
    const place = (part: Part) => outFolder ?? join(context.modelsFolder, detectorOf(part));
    return [await importFile(context, { path: file, name: basename(file), sha256: null, place })];
  }
  return await importArchive(context, file, outFolder ?? context.modelsFolder);
}

async function importArchive(context: ImportContext, archive: string, folder: string): Promise<ImportResult[]> {
  const { options, signal } = context;
  await mkdir(folder, { recursive: true });
  const scratch = await mkdtemp(join(folder, '.unpacking-'));
  try {
    context.say(`unpacking ${basename(archive)}`);
    const files = await unpackDeployment({ archive, folder: scratch, ...(signal && { signal }) });
    const results: ImportResult[] = [];
    for (const { path, name, slot, sha256 } of files) {
      if (options.as !== null && detectorOf(options.as) !== slot) continue;
      const place = (part: Part) => join(folder, detectorOf(part));
      const result = await importFile(context, { path, name, sha256, place }).catch((error: unknown) => {
        throw error instanceof ImportError ? new ImportError(`${name}: ${error.message}`) : error;
      });
      results.push(result);
      await rm(path);
    }
    if (results.length === 0) throw new ImportError(`the archive holds nothing for ${options.as}`);
    return results;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

type FileToImport = { path: string; name: string; sha256: string | null; place(part: Part): string };

async function importFile(context: ImportContext, file: FileToImport): Promise<ImportResult> {
  const source = await openFileSource(file.path);
  try {
    // In an archive the folder says which detector, and the tensors say which of its networks.
    const wanted = file.sha256 === null ? context.options.as : null;
    const opened = await openPart(source, wanted);
    context.say(`${file.name}: the weights of ${opened.part}, ${source.size} bytes, ${opened.container} container`);
    const acceptance = await acceptTerms(context, opened.part);
    const bare = basename(file.name);
    const folder = file.place(opened.part);
    const sha256 = file.sha256 ?? (await sha256Of(source));
    context.say(`converting into ${folder}`);
    const result = await importPart({
      opened,
      source: { file: bare.slice(0, 255), sha256, bytes: source.size },
      folder,
      acceptance,
      importer: context.importer,
      measureGolden: async (manifest, graphPaths) => {
        context.say(`running golden vectors of ${manifest.id} on the CPU`);
        return await context.measureGolden(manifest, graphPaths);
      },
      ...(context.signal && { signal: context.signal }),
      onProgress: sayTenths(context.say),
    });
    context.say(describe(result, folder));
    return result;
  } finally {
    await source.close();
  }
}

/** Shows the terms and waits for a yes. */
async function acceptTerms({ options, ask, say, user }: ImportContext, part: Part): Promise<Acceptance> {
  say(`\n${formatTerms(LICENCE_TERMS[part])}\n`);
  if (options.acceptLicence) return { by: user, at: new Date(), how: 'flag' };
  if (ask === null) throw new ImportError(NOBODY_TO_ASK);
  const answer = await ask('Do you accept these terms? Type yes: ');
  if (answer.trim().toLowerCase() !== 'yes') throw new ImportError('the terms were not accepted: nothing was imported');
  return { by: user, at: new Date(), how: 'asked' };
}

function describe({ part, manifest, missing }: ImportResult, folder: string): string {
  if (manifest === null) {
    return `${part} is imported. The bundle is complete with ${missing.join(' and ')}: import ${missing.length === 1 ? 'it' : 'them'} into the same folder.`;
  }
  const variable = `MODEL_${detectorOf(part).toUpperCase()}_PATH`;
  const golden = manifest.golden.map(({ input, probability }) => `${input} ${probability.toFixed(4)}`).join(', ');
  const uses =
    manifest.licence.commercial_use === 'yes' ? '' : ' Workers with DEPLOYMENT_USE=commercial will refuse it.';
  return `${manifest.id} ${manifest.version} is ready (golden vectors: ${golden}).${uses}\nUse it: ${variable}=${folder}`;
}

function sayTenths(say: (text: string) => void): (share: number) => void {
  let said = 0;
  return (share) => {
    const tenths = Math.floor(share * 10);
    if (tenths > said) say(`  ${tenths * 10} %`);
    said = Math.max(said, tenths);
  };
}

const HASH_BYTES = 4 * 2 ** 20;

async function sha256Of(source: {
  size: number;
  read(offset: number, length: number): Promise<Buffer>;
}): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < source.size; at += HASH_BYTES) {
    hash.update(await source.read(at, Math.min(HASH_BYTES, source.size - at)));
  }
  return hash.digest('hex');
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EISDIR') throw new ImportError('FILE is a folder');
    throw error;
  } finally {
    await file.close();
  }
}
