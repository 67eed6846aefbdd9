import { DEFAULT_TENANT, type Tenant } from '@touchstone/shared/contracts/detection-id';
import { AppError } from '@touchstone/shared/contracts/failure';
import { findApiKey, type ApiKeyRecord, type Scope } from './api-key.ts';
import type { RateLimits } from './rate-limit.ts';

/** What tells who is asking. `address` is the peer of the socket, whatever any header says. */
export type Visitor = {
  address: string;
  host: string | undefined;
  origin: string | undefined;
  fetchSite: string | undefined;
  authorization: string | undefined;
  /** Whether a header shows a proxy in between: then the address is the proxy's. */
  isForwarded: boolean;
};

export type KeyRing = {
  /** False as long as no key was ever made: docs/decisions/003. */
  hasKeys: boolean;
  records: ApiKeyRecord[];
};

/** Anonymous callers are limited by their address. */
export type Access = {
  tenant: Tenant;
  keyId: string | null;
  isAnonymous: boolean;
  /** What the key says in place of the usual limits. */
  rateLimits?: Partial<RateLimits>;
};

const REALM = 'Bearer realm="touchstone"';
const HOW_TO_MAKE_A_KEY = 'npm run keys -- create --tenant NAME --scopes detect:write,detect:read';

/** Who may do what; throws the refusal. The tenant comes from the key alone. */
export function decideAccess(
  visitor: Visitor,
  scope: Scope,
  ring: KeyRing,
  options: {
    /** True for the one route that `ANONYMOUS_DETECT` opens. */
    allowsAnonymous: boolean;
    nowMs: number;
  },
): Access {
  const anonymous = { tenant: DEFAULT_TENANT, keyId: null, isAnonymous: true };
  if (!ring.hasKeys) {
    if (isThisMachine(visitor)) return { tenant: DEFAULT_TENANT, keyId: null, isAnonymous: false };
    if (options.allowsAnonymous) return anonymous;
    const detail = `No API key exists yet, so only direct requests of this machine to localhost are served. To open the service, make a key: ${HOW_TO_MAKE_A_KEY}`;
    throw new AppError('unauthenticated', detail, { headers: { 'WWW-Authenticate': REALM } });
  }
  if (visitor.authorization === undefined) {
    if (options.allowsAnonymous) return anonymous;
    throw new AppError('unauthenticated', 'Send your API key as `Authorization: Bearer ...`.', {
      headers: { 'WWW-Authenticate': REALM },
    });
  }
  const text = /^Bearer +(\S+) *$/i.exec(visitor.authorization)?.[1];
  const key = text === undefined ? null : findApiKey(ring.records, text, options.nowMs);
  if (key === null) {
    throw new AppError('unauthenticated', 'This API key is not valid: unknown, expired or revoked.', {
      headers: { 'WWW-Authenticate': `${REALM}, error="invalid_token"` },
    });
  }
  if (!key.scopes.includes(scope)) {
    throw new AppError('scope_missing', `This API key lacks the scope ${scope}.`, {
      headers: { 'WWW-Authenticate': `${REALM}, error="insufficient_scope", scope="${scope}"` },
    });
  }
  const { tenant, id: keyId, rate_limit_per_minute: perMinute, rate_limit_per_day: perDay } = key;
  if (perMinute === undefined && perDay === undefined) return { tenant, keyId, isAnonymous: false };
  const rateLimits = { ...(perMinute === undefined ? {} : { perMinute }), ...(perDay === undefined ? {} : { perDay }) };
  return { tenant, keyId, isAnonymous: false, rateLimits };
}

/**
 * A direct request of this very machine. The host tells a rebound DNS name apart, fetch site and origin a page of a
 * stranger that makes the browser post here.
 */
function isThisMachine(visitor: Visitor): boolean {
  return (
    isLoopback(visitor.address) &&
    !visitor.isForwarded &&
    isLocalHost(visitor.host) &&
    visitor.fetchSite?.toLowerCase() !== 'cross-site' &&
    (visitor.origin === undefined || isLocalHost(visitor.origin.replace(/^https?:\/\//, '')))
  );
}

const isLocalHost = (host: string | undefined) => /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i.test(host ?? '');

/** Also in the form that a dual-stack socket gives an IPv4 peer. */
const isLoopback = (address: string) => /^(?:::1|(?:::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/i.test(address);
