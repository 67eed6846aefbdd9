import { expect, it } from '@jest/globals';
import { loadOpsConfig } from './config.ts';

const REDIS = { REDIS_URL: 'redis://127.0.0.1:6379' };

it('the operators’ port listens on loopback and changes nothing by default', () => {
  expect(loadOpsConfig({ ...REDIS, DATA_DIR: '/data' })).toMatchObject({
    port: 8_001,
    host: '127.0.0.1',
    isWritable: false,
    passwordFile: '/data/ops-password',
  });
  expect(loadOpsConfig({ ...REDIS, OPS_WRITABLE: '1', OPS_PASSWORD_FILE: '/run/secret' })).toMatchObject({
    isWritable: true,
    passwordFile: '/run/secret',
  });
  expect(() => loadOpsConfig({ ...REDIS, OPS_WRITABLE: 'maybe', OPS_PORT: '99999' })).toThrow(
    /OPS_PORT[\s\S]*OPS_WRITABLE/,
  );
});
