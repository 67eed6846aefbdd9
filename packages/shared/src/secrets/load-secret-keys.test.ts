import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSecretKeys } from './load-secret-keys.ts';

const [first, second] = [randomBytes(32), randomBytes(32)];
const texts = [first, second].map((key) => key.toString('base64'));

describe('loadSecretKeys', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'secret-'));
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  it('takes the keys of the setting in their order, and makes no file', async () => {
    expect(await loadSecretKeys(texts.join(' , '), dataDir)).toEqual([first, second]);
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('makes a file that only its owner may read, and uses it from then on', async () => {
    const made = await loadSecretKeys(undefined, dataDir);
    expect(made).toHaveLength(1);
    expect(made[0]).toHaveLength(32);
    expect((await stat(join(dataDir, 'secret-key'))).mode & 0o777).toBe(0o600);
    expect(await loadSecretKeys('', dataDir)).toEqual(made);
    expect(await readdir(dataDir)).toEqual(['secret-key']);
  });

  it('agrees with others that start at the same time', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => loadSecretKeys(undefined, dataDir)));
    expect(new Set(all.map(([key]) => Buffer.from(key!).toString('hex'))).size).toBe(1);
    expect(await readdir(dataDir)).toEqual(['secret-key']);
  });

  it('makes the folder when it is absent', async () => {
    expect(await loadSecretKeys(undefined, join(dataDir, 'a', 'b'))).toHaveLength(1);
  });

  it.each([
    ['an empty entry', `${texts[0]},`],
    ['31 bytes', randomBytes(31).toString('base64')],
    ['33 bytes', randomBytes(33).toString('base64')],
    ['hex', first!.toString('hex')],
    ['base64url', Buffer.alloc(32, 0xff).toString('base64url')],
  ])('refuses %s without showing it', async (_name, text) => {
    const failure = await loadSecretKeys(text, dataDir).catch((error: Error) => error.message);
    expect(failure).toMatch(/^SECRET_KEY: key \d is not base64 of 32 bytes$/);
  });

  it('does not replace a file that it cannot use', async () => {
    await writeFile(join(dataDir, 'secret-key'), 'not a key\n');
    await expect(loadSecretKeys(undefined, dataDir)).rejects.toThrow('the file secret-key in DATA_DIR');
    expect(await readFile(join(dataDir, 'secret-key'), 'utf8')).toBe('not a key\n');
  });
});
