import { spellIpv4InUrls, spellIpv6, valueOfIpv4, valueOfIpv6, words } from './outbound-address-oracle.ts';
import type { Zone } from './outbound-network.ts';

/** The only addresses of the test network that may be connected to. */
export const PUBLIC = ['93.184.216.34', '2606:2800:220:1::1'] as const;
const [publicV4, publicV6] = PUBLIC;

/** Spelled in every notation: loopback, a metadata service, a private address, Azure's host agent. */
const spelledOut = ['127.0.0.1', '169.254.169.254', '10.0.0.5', '168.63.129.16'].flatMap((address, i) =>
  spellIpv4InUrls(valueOfIpv4(address), i),
);
const spelledOutIpv6 = ['::1', '::ffff:a9fe:a9fe', '64:ff9b::a9fe:a9fe'].flatMap((address) =>
  spellIpv6(valueOfIpv6(address)),
);

/** One address or more of every range that reliability.md section 5 asks for. */
const oneOfEachRange = words(`
  0.0.0.0 0.1.2.3 10.255.255.255 100.64.0.1 100.100.100.200 127.255.255.254 169.254.170.2
  172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1
  198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
  255.255.255.255
`);
const oneOfEachIpv6Range = words(`
  :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.5 ::ffff:0:7f00:1 100::1
  100:0:0:1::1 64:ff9b::a9fe:a9fe 64:ff9b::10.0.0.5 64:ff9b:1::a9fe:a9fe 2001::1 2001:2::1
  2001:3::1 2001:4:112::1 2001:10::1 2001:20::1 2001:30::1 2001:db8::1 2002:7f00:1::
  2002:a9fe:a9fe:: 2620:4f:8000::1 3fff::1 4000::1 5f00::1 8000::1 fc00::1 fd00:ec2::254
  fd20:ce::254 fe80::1 fe80::5efe:a9fe:a9fe fec0::1 ff02::1 ff0e::1
`);

/** Hosts that are addresses: none ever reaches a lookup. */
export const hostileLiterals = [
  ...new Set([
    ...spelledOut,
    ...oneOfEachRange,
    ...spelledOutIpv6.map((host) => `[${host}]`),
    ...oneOfEachIpv6Range.map((host) => `[${host}]`),
  ]),
];

/** Whole URLs that try to hide their host. */
export const hostileUrls = [
  'http://ok.example@127.0.0.1/',
  'http://ok.example:80@127.0.0.1/',
  'http://127.0.0.1\\@ok.example/',
  'http://127.0.0.1#@ok.example/',
  'http://127.0.0.1?@ok.example/',
  'http:127.0.0.1/',
  'http:\\\\127.0.0.1\\',
  'ht\ttp://127.0.\n0.1/',
  '///127.0.0.1/',
  'gopher://127.0.0.1:6379/_FLUSHALL',
  'file:///etc/passwd',
  'ftp://127.0.0.1/',
  'ws://127.0.0.1/',
  'unix:/run/docker.sock',
  'http://unix:/run/docker.sock:/containers',
];

/** Names whose records are, or include, an address that may not be called. */
export const hostileZone: Zone = {
  localhost: ['127.0.0.1'],
  'localhost.': ['::1'],
  redis: ['10.0.0.7'],
  ...Object.fromEntries(oneOfEachRange.map((address, i) => [`v4-${i}.evil.example`, [address]])),
  ...Object.fromEntries(oneOfEachIpv6Range.map((address, i) => [`v6-${i}.evil.example`, [address]])),
  'first.evil.example': ['169.254.169.254', publicV4],
  'last.evil.example': [publicV4, '169.254.169.254'],
  'middle.evil.example': [publicV4, '10.0.0.5', publicV6],
  'families.evil.example': [publicV4, '::1'],
  'families2.evil.example': [publicV6, '127.0.0.1'],
  'mapped.evil.example': [publicV4, '::ffff:7f00:1'],
  'zone.evil.example': [`${publicV6}%lo`],
  'many.evil.example': [...Array<string>(50).fill(publicV4), '192.168.0.1'],
};

/** Names that answer publicly `n` times, then privately; or in turns. */
const rebindingTimes = Array.from({ length: 10 }, (_, i) => i + 1);
export const rebindingZone: Zone = {
  ...Object.fromEntries(
    rebindingTimes.map((n) => [`rebind-${n}.evil.example`, (lookup: number) => [lookup <= n ? publicV4 : '127.0.0.1']]),
  ),
  'turns.evil.example': (lookup) => [lookup % 2 === 1 ? publicV4 : '169.254.169.254'],
  'turns6.evil.example': (lookup) => [lookup % 2 === 1 ? publicV6 : '::1'],
  'joins.evil.example': (lookup) => (lookup === 1 ? [publicV4] : [publicV4, '10.0.0.5']),
};

/** Where a public host redirects to. */
export const redirectTargets = [
  'http://169.254.169.254/latest/meta-data/',
  'http://127.0.0.1:6379/',
  'http://[::ffff:a9fe:a9fe]/',
  'http://localhost/',
  'http://first.evil.example/',
  'http://rebind-1.evil.example/',
  'http://2852039166/',
  'https://169.254.169.254/',
  '//169.254.169.254/',
  'http://ok.example/again',
];
export const REDIRECT_STATUSES = [301, 302, 303, 307, 308];

export const benignZone: Zone = {
  'ok.example': [publicV4],
  'six.example': [publicV6],
  'both.example': [publicV6, publicV4],
};
