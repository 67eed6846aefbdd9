import { describe, expect, it } from '@jest/globals';
import { isLocalProgram, isSameOrigin, type RequestOrigin } from './judge-request.ts';

const request = (more: Partial<RequestOrigin>): RequestOrigin => ({
  method: 'POST',
  address: '127.0.0.1',
  host: 'localhost:8001',
  origin: undefined,
  fetchSite: undefined,
  isForwarded: false,
  ...more,
});

describe('a request that changes something', () => {
  it.each([
    { origin: 'http://localhost:8001' },
    { origin: 'HTTP://LOCALHOST:8001', fetchSite: 'same-origin' },
    { fetchSite: 'same-origin' },
    { method: 'GET', origin: 'https://evil.example', fetchSite: 'cross-site' },
  ])('passes from our own page, and reading always: %p', (more) => {
    expect(isSameOrigin(request(more))).toBe(true);
  });

  it.each([
    {},
    { origin: 'null' },
    { origin: 'https://evil.example' },
    { origin: 'http://localhost:8000' },
    { origin: 'http://localhost:8001.evil.example' },
    { origin: 'http://localhost:8001', fetchSite: 'same-site' },
    { origin: 'http://localhost:8001', fetchSite: 'cross-site' },
    { fetchSite: 'none' },
    { origin: 'http://localhost:8001', host: undefined },
    { method: 'PUT', origin: 'https://evil.example' },
  ])('is refused from elsewhere, and when nothing tells where it comes from: %p', (more) => {
    expect(isSameOrigin(request(more))).toBe(false);
  });
});

describe('a program of this machine', () => {
  it.each([
    {},
    { host: '127.0.0.1:8001', address: '::ffff:127.0.0.1' },
    { host: '[::1]', address: '::1', fetchSite: 'none' },
  ])('is told by peer and host: %p', (more) => {
    expect(isLocalProgram(request({ method: 'GET', ...more }))).toBe(true);
  });

  it.each([
    { address: '10.0.0.1' },
    { address: '' },
    { isForwarded: true },
    { host: 'rebound.example:8001' },
    { host: undefined },
    { origin: 'http://localhost:8001' },
    { fetchSite: 'cross-site' },
    { fetchSite: 'same-site' },
  ])('is not taken for one: %p', (more) => {
    expect(isLocalProgram(request({ method: 'GET', ...more }))).toBe(false);
  });
});
