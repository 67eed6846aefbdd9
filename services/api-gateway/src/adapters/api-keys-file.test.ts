import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runKeysCommand } from '../run-keys-command.ts';
import { findApiKey } from '../core/api-key.ts';
import { changeApiKeys, openApiKeys, readApiKeys } from './api-keys-file.ts';

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'keys-'));
  file = join(dir, 'data/keys.json');
});
afterEach(() => rm(dir, { recursive: true }));
const run = (command: string) => runKeysCommand(command.split(' '), file);
const create = async (more = '') => {
  const printed = await run(`create --tenant acme --scopes detect:write,detect:read${more}`);
  return printed.split('\n')[0]!;
};

describe('npm run keys', () => {
  it('prints a key once and keeps only its digest, in a file for its owner alone', async () => {
    const text = await create();
    const records = await readApiKeys(file);
    expect(findApiKey(records, text, Date.now())).toMatchObject({ tenant: 'acme' });
    expect(JSON.stringify(records)).not.toContain(text);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const listed = await run('list');
    expect(listed).toContain(`...${records[0]!.last4}`);
    expect(listed).not.toContain(text);
  });

  it('revokes by id', async () => {
    const text = await create();
    const [record] = await readApiKeys(file);
    await run(`revoke ${record!.id}`);
    expect(findApiKey(await readApiKeys(file), text, Date.now())).toBeNull();
    expect(await run('list')).toContain('revoked');
    await expect(run('revoke 00000000')).rejects.toThrow('no key with this id');
  });

  it('makes keys that expire', async () => {
    await create(' --expires 2030-01-01T01:00:00+01:00');
    expect(await readApiKeys(file)).toMatchObject([{ expires_at: '2030-01-01T00:00:00.000Z' }]);
  });

  it.each([
    'create --tenant acme',
    'create --tenant ACME --scopes detect:read',
    'create --tenant acme --scopes detect:everything',
    'create --tenant acme --scopes detect:read --expires tomorrow',
    'revoke',
    'destroy',
  ])('explains itself when it does not understand: %s', async (command) => {
    await expect(run(command)).rejects.toThrow('Usage:');
    expect(await readApiKeys(file)).toEqual([]);
  });

  it('loses no key when two are made at once, and says so when it has to give up', async () => {
    await create();
    const both = await Promise.allSettled([create(), create()]);
    const made = both.filter(({ status }) => status === 'fulfilled').length;
    expect(made).toBeGreaterThanOrEqual(1);
    expect(await readApiKeys(file)).toHaveLength(1 + made);
    expect(await readdir(join(dir, 'data'))).toEqual(['keys.json']);
  });

  it('leaves the keys as they are when a change fails', async () => {
    await create();
    await expect(
      changeApiKeys(file, () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await readApiKeys(file)).toHaveLength(1);
    expect(await readdir(join(dir, 'data'))).toEqual(['keys.json']);
  });
});

describe('the keys of a running gateway', () => {
  const until = async (condition: () => Promise<boolean>) => {
    const deadline = AbortSignal.timeout(5_000);
    for (; !(await condition()); await delay(10)) deadline.throwIfAborted();
  };

  it('do not open the service when their file becomes unreadable or disappears', async () => {
    await create();
    const errors: Error[] = [];
    const keys = await openApiKeys(file, (error) => errors.push(error));
    await writeFile(file, '[');
    await until(async () => {
      await keys.current();
      return errors.length > 0;
    });
    expect(await keys.current()).toMatchObject({ hasKeys: true, records: [{ tenant: 'acme' }] });
    await unlink(file);
    await until(async () => (await keys.current()).records.length === 0);
    expect((await keys.current()).hasKeys).toBe(true);
  });

  it('must be readable at the start', async () => {
    await create();
    await writeFile(file, '[{}]');
    await expect(openApiKeys(file, () => undefined)).rejects.toThrow('do not fit');
  });
});
