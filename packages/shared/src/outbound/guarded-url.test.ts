import { describe, expect, it } from '@jest/globals';
import { checkGuardedUrl, createOutboundRules } from './guarded-url.ts';

const verdictOf = (text: string, options = {}) => {
  const checked = checkGuardedUrl(text, createOutboundRules(options));
  return checked.ok ? checked.url.href : checked.problem;
};

describe('URLs of outside calls', () => {
  it.each([
    ['https://example.com', 'https://example.com/'],
    ['https://example.com:443/a?b#c', 'https://example.com/a?b#c'],
    ['https://example.com:8443/a', 'https://example.com:8443/a'],
    [' https://EXAMPLE.com/a\n', 'https://example.com/a'],
    ['https://8.8.8.8/', 'https://8.8.8.8/'],
    ['https://[2606:4700::1111]/', 'https://[2606:4700::1111]/'],
    ['http://example.com/', 'scheme'],
    ['ftp://example.com/', 'scheme'],
    ['file:///etc/passwd', 'scheme'],
    ['data:text/plain,x', 'scheme'],
    ['https://user@example.com/', 'credentials'],
    ['https://user:word@example.com/', 'credentials'],
    ['https://:word@example.com/', 'credentials'],
    ['https://example.com:80/', 'port'],
    ['https://example.com:6379/', 'port'],
    ['https://example.com:0/', 'port'],
    ['https://10.0.0.1/', 'address'],
    ['https://[::1]/', 'address'],
    ['https://[fe80::1%25eth0]/', 'unreadable'],
    ['https://256.1.1.1/', 'unreadable'],
    ['https://', 'unreadable'],
    ['/hook', 'unreadable'],
    ['', 'unreadable'],
    [`https://example.com/${'a'.repeat(2_048)}`, 'too_long'],
  ])('%j comes to %j', (text, expected) => expect(verdictOf(text)).toBe(expected));

  it('may be plain http on port 80 by option', () => {
    const allowHttp = { allowHttp: true };
    expect(verdictOf('http://example.com/', allowHttp)).toBe('http://example.com/');
    expect(verdictOf('http://example.com:8080/', allowHttp)).toBe('port');
    expect(verdictOf('http://example.com:8080/', { ...allowHttp, allowedPorts: 'any' })).toBe(
      'http://example.com:8080/',
    );
    expect(verdictOf('http://127.0.0.1/', allowHttp)).toBe('address');
  });
  it('may name the machine itself by option', () => {
    const development = { allowHttp: true, allowLoopback: true, allowedPorts: [8_080] };
    expect(verdictOf('http://127.1:8080/', development)).toBe('http://127.0.0.1:8080/');
    expect(verdictOf('http://169.254.169.254:8080/', development)).toBe('address');
  });
  it('may not name an own public address', () => {
    expect(verdictOf('https://8.8.8.8/', { extraDenied: ['8.8.8.8/32'] })).toBe('address');
  });
});
