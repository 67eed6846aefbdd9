import { expect, it } from '@jest/globals';
import { shareDirectorySyncs } from './directory-syncs.ts';

/** Syncs that end when the test says so. */
function openSyncs() {
  const begun: { path: string; end: PromiseWithResolvers<void> }[] = [];
  const sync = shareDirectorySyncs((path) => {
    const end = Promise.withResolvers<void>();
    begun.push({ path, end });
    return end.promise;
  });
  return { begun, sync };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

it('whoever comes while a directory is synced shares the next sync, which begins when that one has ended', async () => {
  const { begun, sync } = openSyncs();
  const first = sync('/a');
  const later = [sync('/a'), sync('/a')];
  await settled();
  expect(begun).toHaveLength(1);
  begun[0]!.end.resolve();
  await first;
  await settled();
  expect(begun).toHaveLength(2);
  let isThere = false;
  void Promise.all(later).then(() => (isThere = true));
  await settled();
  expect(isThere).toBe(false);
  begun[1]!.end.resolve();
  await Promise.all(later);
});

it('directories do not wait for each other', async () => {
  const { begun, sync } = openSyncs();
  const both = [sync('/a'), sync('/b')];
  expect(begun.map(({ path }) => path)).toEqual(['/a', '/b']);
  for (const { end } of begun) end.resolve();
  await Promise.all(both);
});

it('a sync that fails fails those who share it, and nobody after them', async () => {
  const { begun, sync } = openSyncs();
  const first = sync('/a');
  const second = sync('/a');
  begun[0]!.end.reject(new Error('EIO'));
  await expect(first).rejects.toThrow('EIO');
  await settled();
  begun[1]!.end.resolve();
  await expect(second).resolves.toBeUndefined();
  const third = sync('/a');
  begun[2]!.end.resolve();
  await expect(third).resolves.toBeUndefined();
});
