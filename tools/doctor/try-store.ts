import { randomUUID } from 'node:crypto';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { fail, ok, type Finding } from './finding.ts';

export const PROBE_FOLDER = 'doctor';

/** Create, create again, read, delete. */
export async function tryStore(
  store: ObjectStore,
  told: { subject: string; writeAdvice: string; createOnlyAdvice: string },
): Promise<Finding[]> {
  const key = `${PROBE_FOLDER}/${randomUUID()}`;
  const body = Buffer.from('written by npm run doctor');
  const startMs = performance.now();
  try {
    const first = await store.create(key, body);
    const createMs = Math.round(10 * (performance.now() - startMs)) / 10;
    const second = await store.create(key, Buffer.from('a second writer'));
    const stored = await store.read(key);
    const facts = { create_ms: createMs, create_only: first && !second };
    if (second) {
      const what = 'create-only does not hold: a second writer replaced an object';
      return [fail('store', what, told.createOnlyAdvice, facts)];
    }
    if (!first || stored === null || !body.equals(stored)) {
      const what = 'an object that was stored does not read back as it was written';
      return [fail('store', what, told.writeAdvice, facts)];
    }
    return [ok('store', `${told.subject} takes an object in ${createMs} ms; create-only holds`, facts)];
  } finally {
    // What went wrong first is what has to be told.
    await store.delete(key).catch(() => undefined);
  }
}
