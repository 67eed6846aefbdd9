import { describe, expect, it } from '@jest/globals';
import { decideAccess, type KeyRing, type Visitor } from './access.ts';
import { makeApiKey, type ApiKeyRecord, type Scope } from './api-key.ts';

const here: Visitor = {
  address: '127.0.0.1',
  host: 'localhost:8000',
  origin: undefined,
  fetchSite: undefined,
  authorization: undefined,
  isForwarded: false,
};
const noKeys: KeyRing = { hasKeys: false, records: [] };
const options = { allowsAnonymous: false, nowMs: Date.now() };
const { text, ...kept } = makeApiKey();
const record: ApiKeyRecord = {
  ...kept,
  tenant: 'acme',
  scopes: ['detect:read'],
  created_at: '2026-11-25T10:00:00.000Z',
};
const keys = { hasKeys: true, records: [record] };
const refusal = (visitor: Visitor, ring: KeyRing = noKeys, scope: Scope = 'detect:read') => {
  try {
    decideAccess(visitor, scope, ring, options);
    return null;
  } catch (error) {
    return error as { code: string; message: string; headers: Record<string, string> };
  }
};

describe('without any key', () => {
  it.each([
    {},
    { address: '::1', host: '[::1]:8000' },
    { address: '::ffff:127.0.0.1', host: '127.0.0.1' },
    { fetchSite: 'same-origin', origin: 'http://localhost:8000' },
    { authorization: `Bearer ${text}` },
  ])('this machine is served: %p', (more) => {
    expect(decideAccess({ ...here, ...more }, 'detect:write', noKeys, options)).toEqual({
      tenant: 'default',
      keyId: null,
      isAnonymous: false,
    });
  });

  it.each([
    { address: '192.168.1.20' },
    { address: '::ffff:10.0.0.1' },
    { isForwarded: true },
    { host: 'rebound.example' },
    { host: 'localhost.example' },
    { host: '127.0.0.1.example:80' },
    { host: undefined },
    { fetchSite: 'cross-site' },
    { origin: 'https://example.com' },
    { origin: 'null' },
  ])('others are not, and are told how to make a key: %p', (more) => {
    const refused = refusal({ ...here, ...more });
    expect(refused).toMatchObject({ code: 'unauthenticated', headers: { 'WWW-Authenticate': expect.any(String) } });
    expect(refused?.message).toContain('npm run keys');
  });
});

describe('with keys', () => {
  it('a key gives its tenant, and this machine needs one as well', () => {
    const visitor = { ...here, address: '192.0.2.1', host: 'api.example', authorization: `bearer ${text}` };
    expect(decideAccess(visitor, 'detect:read', keys, options)).toEqual({
      tenant: 'acme',
      keyId: record.id,
      isAnonymous: false,
    });
    expect(refusal(here, keys)?.code).toBe('unauthenticated');
  });

  it('a wrong or ended key is refused', () => {
    for (const authorization of [text, 'Bearer x', `Basic ${text}`, `Bearer ${makeApiKey().text}`]) {
      expect(refusal({ ...here, authorization }, keys)).toMatchObject({
        code: 'unauthenticated',
        headers: { 'WWW-Authenticate': expect.stringContaining('invalid_token') },
      });
    }
    expect(refusal({ ...here, authorization: `Bearer ${text}` }, { hasKeys: true, records: [] })?.code).toBe(
      'unauthenticated',
    );
  });

  it('a key may do what its scopes say', () => {
    expect(refusal({ ...here, authorization: `Bearer ${text}` }, keys, 'detect:write')).toMatchObject({
      code: 'scope_missing',
      headers: { 'WWW-Authenticate': expect.stringContaining('scope="detect:write"') },
    });
  });

  it('an open route takes callers without a key, and still judges a key that is sent', () => {
    const open = { ...options, allowsAnonymous: true };
    const stranger = { ...here, address: '192.0.2.1' };
    expect(decideAccess(stranger, 'detect:write', keys, open)).toMatchObject({ tenant: 'default', isAnonymous: true });
    expect(decideAccess(stranger, 'detect:write', noKeys, open)).toMatchObject({ isAnonymous: true });
    expect(() => decideAccess({ ...stranger, authorization: 'Bearer x' }, 'detect:write', keys, open)).toThrow(
      'not valid',
    );
  });
});
