import { describe, expect, it } from '@jest/globals';
import { requestOf } from '../tests/verdict-fixtures.ts';
import type { Question } from './accept-detection.ts';
import { createRunningDetections } from './running-detections.ts';

const { image, options, slots } = requestOf();
const question = (sha256: string): Question => ({
  file: { path: 'unused', bytes: 1, sha256 },
  image: { ...image, sha256 },
  options,
  slots,
});
const setUp = (maxEntries = 10) => {
  const clock = { ms: 0 };
  const running = createRunningDetections(maxEntries, () => clock.ms);
  let made = 0;
  const ask = (sha256: string, tenant = 'a') => running.joinOr(tenant, question(sha256), async () => `det_${++made}`);
  return { clock, running, ask };
};

describe('an equal question', () => {
  it('joins the one underway, also while that is being stored', async () => {
    const { ask } = setUp();
    expect(await Promise.all([ask('x'), ask('x'), ask('y')])).toEqual(['det_1', 'det_1', 'det_2']);
    expect(await ask('x')).toBe('det_1');
  });

  it('of another tenant is another one', async () => {
    const { ask } = setUp();
    expect(await ask('x', 'a')).not.toBe(await ask('x', 'b'));
  });

  it('is asked anew once the verdict is known, or after ten minutes', async () => {
    const { ask, running, clock } = setUp();
    running.end(await ask('x'));
    expect(await ask('x')).toBe('det_2');
    clock.ms = 600_000;
    expect(await ask('x')).toBe('det_3');
    running.end('det_2');
    expect(await ask('x')).toBe('det_3');
  });

  it('is asked anew when the one underway could not be stored', async () => {
    const { ask, running } = setUp();
    const failing = running.joinOr('a', question('x'), () => Promise.reject(new Error('store')));
    await expect(failing).rejects.toThrow('store');
    expect(await ask('x')).toBe('det_1');
  });

  it('is forgotten oldest first when there are too many', async () => {
    const { ask } = setUp(2);
    await ask('x');
    await ask('y');
    await ask('z');
    expect(await ask('y')).toBe('det_2');
    expect(await ask('x')).toBe('det_4');
  });
});
