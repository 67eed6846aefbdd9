import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeOnnxModel, floatConstant } from './onnx-writer.ts';
import { readOpset } from './read-opset.ts';

const MODELS = join(import.meta.dirname, '../../../models');
/** `ir_version` 8, then one `opset_import` for each domain and version. */
const modelOf = (...imports: [domain: string, version: number][]) =>
  Buffer.concat([
    Buffer.from([0x08, 8]),
    ...imports.map(([domain, version]) =>
      Buffer.concat([
        Buffer.from([0x42, domain.length + 4, 0x0a, domain.length]),
        Buffer.from(domain),
        Buffer.from([0x10, version]),
      ]),
    ),
  ]);

describe('the operator set of a model file', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'opset-'))));
  afterEach(() => rm(folder, { recursive: true }));

  const opsetOf = async (bytes: Uint8Array) => {
    await writeFile(join(folder, 'model.onnx'), bytes);
    return await readOpset(join(folder, 'model.onnx'));
  };

  it('is found behind a graph of any size', async () => {
    const weights = floatConstant(
      'w',
      [5_000],
      Array.from({ length: 5_000 }, () => 1),
    );
    const model = encodeOnnxModel({ name: 'g', nodes: [], constants: [weights], inputs: [], outputs: [] });
    expect(await opsetOf(model)).toBe(17);
  });

  it.each(['sbi-lite', 'distildire-lite'])('is what %s was exported with', async (name) => {
    expect(await readOpset(join(MODELS, name, 'model.onnx'))).toBeGreaterThanOrEqual(13);
  });

  it('is the one of the standard domain', async () => {
    expect(await opsetOf(modelOf(['com.microsoft', 1], ['', 18]))).toBe(18);
    expect(await opsetOf(modelOf(['ai.onnx', 19], ['ai.onnx.ml', 3]))).toBe(19);
  });

  it('is unknown when a file asks for no standard operators', async () => {
    expect(await opsetOf(modelOf(['com.microsoft', 1]))).toBeNull();
    expect(await opsetOf(Buffer.alloc(0))).toBeNull();
  });

  it('is unknown for what is no model', async () => {
    expect(await opsetOf(Buffer.from('this is a text and no protobuf at all'))).toBeNull();
    expect(await opsetOf(Buffer.alloc(100, 0xff))).toBeNull();
    // A field that claims to end after the file does.
    expect(await opsetOf(Buffer.from([0x3a, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3]))).toBeNull();
  });
});
