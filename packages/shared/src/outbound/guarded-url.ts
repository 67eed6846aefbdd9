import { isIP } from 'node:net';
import { isAllowedAddress, parseAddressRanges, type AddressRules } from './public-address.ts';

/** Where outside calls that follow user input may go. */
export type OutboundRules = AddressRules & {
  allowHttp: boolean;
  allowedPorts: readonly number[] | 'any';
};

export type OutboundRuleOptions = {
  /** Also `http:`, and port 80 unless `allowedPorts` says otherwise. */
  allowHttp?: boolean;
  /** For development only: also the machine itself. */
  allowLoopback?: boolean;
  allowedPorts?: readonly number[] | 'any';
  /** CIDR ranges: own networks and own public addresses. */
  extraDenied?: readonly string[];
};

/** Fills in the strict defaults: https on 443 and 8443 to public addresses. Throws on a malformed range. */
export function createOutboundRules(options: OutboundRuleOptions = {}): OutboundRules {
  const allowHttp = options.allowHttp ?? false;
  return {
    allowHttp,
    allowLoopback: options.allowLoopback ?? false,
    allowedPorts: options.allowedPorts ?? (allowHttp ? [443, 8443, 80] : [443, 8443]),
    extraDenied: parseAddressRanges(options.extraDenied ?? []),
  };
}

export type UrlProblem = 'unreadable' | 'too_long' | 'scheme' | 'credentials' | 'port' | 'address';
export type UrlCheck = { ok: true; url: URL } | { ok: false; problem: UrlProblem };

const MAX_URL_LENGTH = 2_048;

/**
 * Checks what can be known without asking DNS. The WHATWG parser has the say on what a host is: it turns `127.1`,
 * `0x7f000001`, `2130706433` and full-width digits into the address that would be connected to. Store and use
 * `url.href`, never the text.
 */
export function checkGuardedUrl(text: string, rules: OutboundRules): UrlCheck {
  const refuse = (problem: UrlProblem): UrlCheck => ({ ok: false, problem });
  if (text.length > MAX_URL_LENGTH) return refuse('too_long');
  const url = URL.parse(text);
  if (url === null) return refuse('unreadable');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && rules.allowHttp)) return refuse('scheme');
  if (url.username !== '' || url.password !== '') return refuse('credentials');
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  if (rules.allowedPorts !== 'any' && !rules.allowedPorts.includes(port)) return refuse('port');
  const literal = literalAddress(url.hostname);
  if (literal !== null && !isAllowedAddress(literal, rules)) return refuse('address');
  return { ok: true, url };
}

/** The address when a host is one, without the brackets of IPv6; null for a name. */
export function literalAddress(hostname: string): string | null {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return isIP(bare) === 0 ? null : bare;
}
