import { describe, expect, it } from '@jest/globals';
import { refuseByLicence } from './licence-gate.ts';

const licensed = (commercial_use: 'yes' | 'no' | 'unknown') => ({
  id: 'tiny',
  licence: { id: 'X-1', commercial_use, attribution: '' },
});

describe('the licence gate', () => {
  it.each(['yes', 'no', 'unknown'] as const)('lets research use a bundle whose commercial use is %s', (commercial) => {
    expect(refuseByLicence(licensed(commercial), 'research')).toBeNull();
  });
  it('lets commerce use only what says yes', () => {
    expect(refuseByLicence(licensed('yes'), 'commercial')).toBeNull();
    expect(refuseByLicence(licensed('no'), 'commercial')).toContain('forbids commercial use');
    expect(refuseByLicence(licensed('unknown'), 'commercial')).toContain('does not say');
  });
});
