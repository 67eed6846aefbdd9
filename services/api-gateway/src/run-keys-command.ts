import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { Tenant } from '@touchstone/shared/contracts/detection-id';
import { changeApiKeys, readApiKeys } from './adapters/api-keys-file.ts';
import { makeApiKey, Scope, type ApiKeyRecord } from './core/api-key.ts';

const USAGE = `Usage:
  npm run keys -- create --tenant NAME --scopes detect:write,detect:read [--expires 2027-01-01T00:00:00Z]
                         [--per-minute N] [--per-day N]   (images; in place of the gateway's limits, 0: none)
  npm run keys -- list
  npm run keys -- revoke ID
Scopes: ${Scope.options.join(' ')}
The file is keys.json in DATA_DIR, or API_KEYS_FILE. Running gateways notice a change within 5 s.`;

const CreateOptions = z.object({
  tenant: Tenant,
  scopes: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(Scope).min(1)),
  expires: z.iso.datetime({ offset: true }).optional(),
  'per-minute': z.coerce.number().int().min(0).optional(),
  'per-day': z.coerce.number().int().min(0).optional(),
});

/** One command of `npm run keys`; gives back what to print. */
export async function runKeysCommand(args: string[], file: string): Promise<string> {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      tenant: { type: 'string' },
      scopes: { type: 'string' },
      expires: { type: 'string' },
      'per-minute': { type: 'string' },
      'per-day': { type: 'string' },
    },
  });
  const [command, id, ...rest] = positionals;
  if (command === 'create' && id === undefined) return createKey(values, file);
  if (command === 'list' && id === undefined) return (await readApiKeys(file)).map(describeKey).join('\n') || 'no keys';
  if (command === 'revoke' && id !== undefined && rest.length === 0) return revokeKey(id, file);
  throw new Error(USAGE);
}

async function createKey(values: Record<string, string | undefined>, file: string): Promise<string> {
  const parsed = CreateOptions.safeParse(values);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `--${issue.path[0]?.toString() ?? ''}: ${issue.message}`);
    throw new Error(`${[...new Set(problems)].join('\n')}\n\n${USAGE}`);
  }
  const { tenant, scopes, expires, 'per-minute': perMinute, 'per-day': perDay } = parsed.data;
  const { text, ...kept } = makeApiKey();
  const record: ApiKeyRecord = { ...kept, tenant, scopes, created_at: new Date().toISOString() };
  if (expires !== undefined) record.expires_at = new Date(expires).toISOString();
  if (perMinute !== undefined) record.rate_limit_per_minute = perMinute;
  if (perDay !== undefined) record.rate_limit_per_day = perDay;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await changeApiKeys(file, (records) => [...records, record]);
  return `${text}\nThis is the only time the key is shown. Id ${record.id}, tenant ${tenant}, ${scopes.join(' ')}.`;
}

async function revokeKey(id: string, file: string): Promise<string> {
  await changeApiKeys(file, (records) => {
    const record = records.find((candidate) => candidate.id === id);
    if (record === undefined) throw new Error('there is no key with this id; `list` shows them');
    record.revoked_at ??= new Date().toISOString();
    return records;
  });
  return `revoked ${id}`;
}

function describeKey(key: ApiKeyRecord): string {
  const ends = key.revoked_at ? `revoked ${key.revoked_at}` : key.expires_at ? `expires ${key.expires_at}` : 'valid';
  return [key.id, `...${key.last4}`, key.tenant, key.scopes.join(','), `made ${key.created_at}`, ends].join('  ');
}
