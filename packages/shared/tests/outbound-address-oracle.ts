/** A second opinion on addresses that shares no code with the guard: ranges of the IANA special-purpose registries. */

export type Address = { family: 4 | 6; value: bigint };
export type Range = { cidr: string; family: 4 | 6; base: bigint; hostBits: number };

const range = (cidr: string): Range => {
  const [base = '', bits] = cidr.split('/');
  const family = base.includes(':') ? 6 : 4;
  return {
    cidr,
    family,
    base: family === 4 ? valueOfIpv4(base) : valueOfIpv6(base),
    hostBits: (family === 4 ? 32 : 128) - Number(bits),
  };
};

/** The words of a text, however spaced. */
export function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** No address of these may be called; reliability.md section 5 names most of them. */
export const DENIED_RANGES: Range[] = words(`
  0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12
  192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16
  192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
  ::/128 ::1/128 ::/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64
  2001::/23 2001:2::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16
  2620:4f:8000::/48 3fff::/20 4000::/2 5f00::/16 8000::/1 fc00::/7 fe80::/10 fec0::/10
  ff00::/8
`).map(range);

const MAPPED = range('::ffff:0:0/96');
const GLOBAL = range('2000::/3');
const contains = (within: Range, { family, value }: Address) =>
  within.family === family && value >> BigInt(within.hostBits) === within.base >> BigInt(within.hostBits);

/** Whether the address lies on the public internet. */
export function isPublic(address: Address): boolean {
  if (contains(MAPPED, address)) return isPublic({ family: 4, value: address.value & 0xffff_ffffn });
  if (address.family === 6 && !contains(GLOBAL, address)) return false;
  return !DENIED_RANGES.some((denied) => contains(denied, address));
}

/** The spelling that sockets take: dotted, or eight groups. */
export function spell({ family, value }: Address): string {
  return family === 4
    ? groupsOf(value, 4, 8).join('.')
    : groupsOf(value, 8, 16)
        .map((group) => group.toString(16))
        .join(':');
}

/** Hosts that a URL parser reads as this IPv4 address; `variant` picks paddings and cases. */
export function spellIpv4InUrls(value: bigint, variant: number): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = groupsOf(value, 4, 8);
  const zeros = '0'.repeat(variant % 5);
  const hex = (part: number | bigint) => `${variant % 2 === 0 ? '0x' : '0X'}${zeros}${part.toString(16)}`;
  const octal = (part: number | bigint) => `0${zeros}${part.toString(8)}`;
  const dotted = `${a}.${b}.${c}.${d}`;
  const fullWidth = (text: string) => text.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
  return [
    dotted,
    `${dotted}.`,
    value.toString(),
    hex(value),
    octal(value),
    [a, b, c, d].map(hex).join('.'),
    [a, b, c, d].map(octal).join('.'),
    `${a}.${value & 0xff_ffffn}`,
    `${hex(a)}.${octal(b)}.${value & 0xffffn}`,
    fullWidth(dotted),
    fullWidth(dotted).replaceAll('.', '\u3002'),
    dotted.replace(/\d/g, (digit) => `%3${digit}`),
    dotted.replace('.', '%2E'),
    dotted.replace('.', '\u00ad.'),
  ];
}

/** Spellings of this IPv6 address that sockets and URL parsers (in brackets) take. */
export function spellIpv6(value: bigint): string[] {
  const groups = groupsOf(value, 8, 16);
  const text = groups.map((group) => group.toString(16));
  const tail = groupsOf(value & 0xffff_ffffn, 4, 8).join('.');
  return [
    text.join(':'),
    text.join(':').toUpperCase(),
    text.map((group) => group.padStart(4, '0')).join(':'),
    [...text.slice(0, 6), tail].join(':'),
    compress(text),
    compress([...text.slice(0, 6), tail]),
  ];
}

function compress(groups: string[]): string {
  const text = groups.join(':');
  const zeros = /(?:^|:)0(?::0)+(?:$|:)/.exec(text);
  return zeros === null ? text : text.replace(zeros[0], '::');
}

function groupsOf(value: bigint, count: number, bits: number): number[] {
  return Array.from({ length: count }, (_, i) =>
    Number((value >> BigInt((count - 1 - i) * bits)) % (1n << BigInt(bits))),
  );
}

export function valueOfIpv4(text: string): bigint {
  return text.split('.').reduce((value, part) => value * 256n + BigInt(part), 0n);
}

export function valueOfIpv6(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const groups = (part: string) => part.split(':').filter((group) => group !== '');
  const [before, after] = [groups(head), groups(tail ?? '')];
  const all = [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after];
  return all.reduce((value, group) => value * 65_536n + BigInt(`0x${group}`), 0n);
}
