import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ImportError } from './import-error.ts';
import { seededUniform } from './parity-weights.ts';
import { unpackDeployment, type UnpackOptions } from './unpack-deployment.ts';
import { tarOf, type TarFile } from './write-tar.ts';

const SBI = 'deployment_package/models/sbi/FFraw.tar';
const ADM = 'deployment_package/models/distildire/nested/adm.pt';
const checkpoint = (label: string) => Buffer.from(`PK\x03\x04${label}`, 'latin1');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('the deployment archive', () => {
  let root: string;
  let folder: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'unpack-'));
    folder = join(root, 'out');
    await mkdir(folder);
  });
  afterEach(() => rm(root, { recursive: true }));

  const unpackBytes = async (bytes: Uint8Array, options: Partial<UnpackOptions> = {}) => {
    await writeFile(join(root, 'a.tar.gz'), bytes);
    return await unpackDeployment({ archive: join(root, 'a.tar.gz'), folder, ...options });
  };
  const unpack = (files: TarFile[], options: Partial<UnpackOptions> = {}) =>
    unpackBytes(gzipSync(tarOf(files)), options);
  const problemOf = async (unpacking: Promise<unknown>) => {
    const error = await unpacking.then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ImportError);
    // Whatever it was, nothing was written outside the folder, and names of our own inside.
    expect((await readdir(root)).toSorted()).toEqual(['a.tar.gz', 'out']);
    for (const name of await readdir(folder)) expect(name).toMatch(/^\d+\.checkpoint$/);
    return (error as ImportError).message;
  };

  it('gives the checkpoints of both detectors and leaves everything else packed', async () => {
    const files = await unpack([
      { name: './deployment_package', type: '5' },
      { name: 'deployment_package/docker-compose.yml', content: checkpoint('not here') },
      { name: `./${SBI}`, content: checkpoint('sbi') },
      { name: 'deployment_package/models/sbi/README.md', content: Buffer.from('hello') },
      { name: 'deployment_package/models/sbi/._FFraw.tar', content: checkpoint('resource fork') },
      { name: ADM, content: Buffer.from('\x80\x02legacy', 'latin1') },
      { name: 'deployment_package/models/sbi/empty', content: Buffer.alloc(0) },
    ]);
    expect(files.map(({ slot, name }) => [slot, name])).toEqual([
      ['sbi', SBI],
      ['distildire', ADM],
    ]);
    expect(await readFile(files[0]!.path)).toEqual(checkpoint('sbi'));
    expect(files[0]!.sha256).toBe(sha256(checkpoint('sbi')));
    expect(await readdir(folder)).toEqual(['0.checkpoint', '1.checkpoint']);
  });

  it('reads long names of GNU tar and of pax, and content across many blocks', async () => {
    const long = `deployment_package/models/sbi/${'deep/'.repeat(40)}weights.pth`;
    const content = Buffer.concat([checkpoint('x'), Buffer.alloc(300_000, 'weights ')]);
    const pax = `path=${long}\n`;
    const record = `${pax.length + 4} ${pax}`;
    for (const head of [
      { name: '././@LongLink', type: 'L', content: Buffer.from(`${long}\0`) },
      { name: 'pax', type: 'x', content: Buffer.from(record) },
    ]) {
      const [file] = await unpack([head, { name: 'short', content }]);
      expect(file).toMatchObject({ name: long, bytes: content.length, sha256: sha256(content) });
      await rm(file!.path);
    }
  });

  it.each([
    ['an absolute path', { name: '/deployment_package/models/sbi/x' }],
    ['a path out of the folder', { name: 'deployment_package/models/sbi/../../../../x' }],
    ['a backslash', { name: 'deployment_package\\models\\sbi\\x' }],
    ['a drive', { name: 'C:/models/sbi/x' }],
    ['a symbolic link', { name: SBI, type: '2', link: '/etc/passwd' }],
    ['a hard link', { name: 'elsewhere', type: '1', link: SBI }],
    ['a device', { name: 'null', type: '3' }],
    ['a sparse file', { name: SBI, type: 'S' }],
  ])('is refused as a whole for %s', async (_what, entry) => {
    const problem = await problemOf(
      unpack([
        { name: SBI, content: checkpoint('ok') },
        { content: checkpoint('x'), ...entry },
      ]),
    );
    expect(problem).toMatch(/leads out of it|a link|neither file nor folder/);
    expect(problem).toContain(JSON.stringify(entry.name));
  });

  it('is refused when it grows too large, by bytes, by ratio or by entries', async () => {
    const files = [{ name: SBI, content: Buffer.concat([checkpoint('x'), Buffer.alloc(50_000)]) }];
    expect(await problemOf(unpack(files, { maxBytes: 20_000 }))).toContain('more than 20000 bytes');
    await rm(join(folder, '0.checkpoint'), { force: true });
    const many = Array.from({ length: 30 }, (_, i) => ({ name: `f${i}`, content: Buffer.alloc(0) }));
    expect(await problemOf(unpack(many, { maxEntries: 20 }))).toContain('too many entries');
    const bomb = [{ name: 'zeros', content: Buffer.alloc(70_000_000) }];
    expect(await problemOf(unpack(bomb))).toContain('grows more than 100 times');
  });

  it('is refused when it is cut short, damaged or without checkpoints', async () => {
    const noise = Buffer.from(seededUniform('noise', 5_000).map((u) => u * 256));
    const whole = gzipSync(tarOf([{ name: SBI, content: Buffer.concat([checkpoint('x'), noise]) }]));
    expect(await problemOf(unpackBytes(whole.subarray(0, 3_000)))).toBe('the archive is cut short');
    await rm(join(folder, '0.checkpoint'), { force: true });
    const flipped = Buffer.from(whole);
    flipped[flipped.length - 6]! ^= 1;
    expect(await problemOf(unpackBytes(flipped))).toContain('damaged');
    await rm(join(folder, '0.checkpoint'), { force: true });
    expect(await problemOf(unpackBytes(gzipSync(Buffer.alloc(512, 1))))).toContain('wrong checksum');
    expect(await problemOf(unpack([{ name: 'other/models/sbi/x', content: checkpoint('x') }]))).toContain(
      'no checkpoint',
    );
  });

  it('is held to the SHA256SUMS that it brings', async () => {
    const content = checkpoint('sbi');
    const sums = (text: string): TarFile[] => [
      { name: SBI, content },
      { name: 'deployment_package/models/SHA256SUMS', content: Buffer.from(text) },
    ];
    expect(await unpack(sums(`${sha256(content)}  ./sbi/FFraw.tar\n`))).toHaveLength(1);
    await rm(join(folder, '0.checkpoint'));
    expect(await problemOf(unpack(sums(`${'0'.repeat(64)}  sbi/FFraw.tar\n`)))).toContain(
      'is not the file of the SHA256SUMS',
    );
    await rm(join(folder, '0.checkpoint'));
    expect(await problemOf(unpack(sums('\n')))).toContain('is not in the SHA256SUMS');
  });
});
