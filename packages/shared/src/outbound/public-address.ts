import ipaddr from 'ipaddr.js';
import { isIP } from 'node:net';

/** A CIDR range that was parsed once. */
export type AddressRange = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

/** What may be connected to beside the public addresses, and what may not although it is public. */
export type AddressRules = {
  /** For development only: 127.0.0.0/8 and ::1 are allowed. */
  allowLoopback: boolean;
  /** Own networks and own public addresses. */
  extraDenied: readonly AddressRange[];
};

/** Azure's host agent answers on this address, which ipaddr.js calls unicast. */
const ALWAYS_DENIED = parseAddressRanges(['168.63.129.16/32']);
/** The only IPv6 space that is assigned as global unicast; ipaddr.js also calls 100:0:0:1::/64 and 4000::/3 unicast. */
const GLOBAL_UNICAST_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');

/** Parses CIDR ranges; throws on the first that is malformed or could never match. */
export function parseAddressRanges(cidrs: readonly string[]): AddressRange[] {
  return cidrs.map((cidr) => {
    const [base = ''] = cidr.split('/');
    if (isIP(base) === 0 || !ipaddr.isValidCIDR(cidr)) throw new Error(`not an address range: ${cidr}`);
    const range = ipaddr.parseCIDR(cidr);
    // Addresses are unwrapped before they are compared, so a mapped range would deny nothing.
    if (range[0].range() === 'ipv4Mapped') throw new Error(`write this range as IPv4: ${cidr}`);
    return range;
  });
}

/**
 * Whether a literal address lies on the public internet. Only the canonical spellings that sockets take count: the URL
 * parser has already turned all others into these. An IPv4 address in an IPv6 one is judged as what it is.
 */
export function publicAddress(text: string, denied: readonly AddressRange[] = []): boolean {
  const address = parseAddress(text);
  if (address === null || address.range() !== 'unicast') return false;
  if (address.kind() === 'ipv6' && !inRange(address, GLOBAL_UNICAST_IPV6)) return false;
  return ![...ALWAYS_DENIED, ...denied].some((range) => inRange(address, range));
}

/** Whether the guard lets a socket connect to this literal address. */
export function isAllowedAddress(text: string, rules: AddressRules): boolean {
  if (publicAddress(text, rules.extraDenied)) return true;
  return rules.allowLoopback && parseAddress(text)?.range() === 'loopback';
}

/**
 * Null for anything but an address; a zone (`%eth0`) names an interface of ours and makes it none. The URL parser takes
 * dotted tails out first: ipaddr.js reads `::8.8.8.8`, as resolvers spell ::808:808, as the IPv4 address 8.8.8.8.
 */
function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  if (isIP(text) === 0 || text.includes('%')) return null;
  return ipaddr.process(isIP(text) === 6 ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text);
}

function inRange(address: ipaddr.IPv4 | ipaddr.IPv6, [base, bits]: AddressRange): boolean {
  return address.kind() === base.kind() && address.match(base, bits);
}
