import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isAllowedAddress, parseAddressRanges, publicAddress } from '../src/outbound/public-address.ts';
import { checkGuardedUrl, createOutboundRules } from '../src/outbound/guarded-url.ts';
import { DENIED_RANGES, isPublic, spell, spellIpv4InUrls, spellIpv6, type Address } from './outbound-address-oracle.ts';

const seed = 20_261_125;
const ipv4 = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value): Address => ({ family: 4, value }));
const ipv6 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((value): Address => ({ family: 6, value }));
const globalIpv6 = fc
  .bigInt({ min: 0n, max: 2n ** 125n - 1n })
  .map((value): Address => ({ family: 6, value: value | (1n << 125n) }));
const mappedIpv4 = ipv4.map(({ value }): Address => ({ family: 6, value: (0xffffn << 32n) | value }));
const denied = fc
  .tuple(fc.constantFrom(...DENIED_RANGES), fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }))
  .map(([{ family, base, hostBits }, host]): Address => ({ family, value: base | (host % (1n << BigInt(hostBits))) }));
const anyAddress = fc.oneof(ipv4, ipv6, globalIpv6, mappedIpv4, denied);

describe('public addresses', () => {
  it.each(DENIED_RANGES)('end and begin again exactly at the edges of $cidr', ({ family, base, hostBits }) => {
    const last = base + (1n << BigInt(hostBits)) - 1n;
    const highest = family === 4 ? 2n ** 32n - 1n : 2n ** 128n - 1n;
    expect([base, last].map((value) => publicAddress(spell({ family, value })))).toEqual([false, false]);
    const around = [base - 1n, last + 1n].filter((value) => value >= 0n && value <= highest);
    for (const value of around) expect(publicAddress(spell({ family, value }))).toBe(isPublic({ family, value }));
  });

  it('agree with the registries of IANA on 2,000 random addresses, however spelled', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        const spellings = address.family === 4 ? [spell(address)] : spellIpv6(address.value);
        expect(spellings.filter((text) => publicAddress(text) !== isPublic(address))).toEqual([]);
      }),
      { seed, numRuns: 2_000 },
    );
  });

  it('are never refused: 0 of 1,000 random ones', () => {
    const sample = fc.sample(fc.oneof(ipv4, globalIpv6).filter(isPublic), { seed, numRuns: 1_000 });
    expect(sample.filter((address) => !publicAddress(spell(address)))).toEqual([]);
  });

  it.each([
    '',
    'localhost',
    '127.1',
    '::8.8.8.8',
    '0x8.8.8.8',
    '010.8.8.8',
    '134744072',
    '8.8.8.8 ',
    '[2606:4700::1111]',
    '8.8.8.8/32',
  ])('are not spelled %j', (text) => expect(publicAddress(text)).toBe(false));
  it('carry no zone', () => expect(publicAddress('2606:4700::1111%eth0')).toBe(false));

  it('can be denied by range, mapped into IPv6 or not', () => {
    const own = parseAddressRanges(['8.8.8.0/24', '2606:4700::/32']);
    const addresses = ['8.8.8.8', '::ffff:8.8.8.8', '2606:4700::1111', '8.8.9.8', '2606:4701::1'];
    expect(addresses.map((address) => publicAddress(address, own))).toEqual([false, false, false, true, true]);
  });
  it.each(['8.8.8.8', '8.8.8.0/33', '8.8/16', 'example.com/24', '::ffff:8.8.8.0/120', ''])(
    'refuse %j as a range to deny',
    (cidr) => expect(() => parseAddressRanges([cidr])).toThrow(/address range|write this range as IPv4/),
  );

  it('are joined by loopback in development, and by nothing else', () => {
    const rules = { allowLoopback: true, extraDenied: [] };
    const asked = [
      '127.0.0.1',
      '127.9.9.9',
      '::1',
      '::ffff:127.0.0.1',
      '0.0.0.0',
      '::',
      '::127.0.0.1',
      '10.0.0.1',
      'fe80::1',
    ];
    expect(asked.filter((address) => isAllowedAddress(address, rules))).toEqual(asked.slice(0, 4));
    expect(asked.filter((address) => isAllowedAddress(address, { ...rules, allowLoopback: false }))).toEqual([]);
  });
});

describe('literal hosts of URLs', () => {
  const rules = createOutboundRules();
  const verdictOf = (host: string) => {
    const checked = checkGuardedUrl(`https://${host}/hook`, rules);
    return checked.ok ? 'ok' : checked.problem;
  };

  it('are judged as the address that they spell, in any of 14 notations of IPv4', () => {
    const address = fc.oneof(
      ipv4,
      denied.filter(({ family }) => family === 4),
    );
    fc.assert(
      fc.property(address, fc.nat(9), ({ value }, variant) => {
        const expected = isPublic({ family: 4, value }) ? 'ok' : 'address';
        expect(spellIpv4InUrls(value, variant).filter((host) => verdictOf(host) !== expected)).toEqual([]);
      }),
      { seed, numRuns: 1_000 },
    );
  });

  it('are judged as the address that they spell, in any of 6 notations of IPv6', () => {
    const address = fc.oneof(
      ipv6,
      globalIpv6,
      mappedIpv4,
      denied.filter(({ family }) => family === 6),
    );
    fc.assert(
      fc.property(address, ({ value }) => {
        const expected = isPublic({ family: 6, value }) ? 'ok' : 'address';
        expect(spellIpv6(value).filter((text) => verdictOf(`[${text}]`) !== expected)).toEqual([]);
      }),
      { seed, numRuns: 1_000 },
    );
  });
});
