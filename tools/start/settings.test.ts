import { describe, expect, it } from '@jest/globals';
import { loadSettings } from './settings.ts';

describe('the settings of a start', () => {
  it('needs none', () => {
    expect(loadSettings({}, '/clone')).toEqual({
      port: 8_000,
      opsPort: 8_001,
      dataDir: '/clone/.data',
      redisUrl: undefined,
      metricsPort: 0,
    });
  });

  it('means one folder by DATA_DIR, wherever a child looks from', () => {
    expect(loadSettings({ DATA_DIR: '../x' }, '/clone').dataDir).toBe('/x');
    expect(loadSettings({ DATA_DIR: '/var/x' }, '/clone').dataDir).toBe('/var/x');
  });

  it('names every bad setting', () => {
    expect(() => loadSettings({ PORT: 'http', REDIS_URL: 'localhost' }, '/')).toThrow(/PORT.*REDIS_URL/s);
  });
});
