/** Runs `work` for each item, so many at once, as long as `mayGoOn` holds. */
export async function forEachOf<T>(
  items: readonly T[],
  atOnce: number,
  mayGoOn: () => Promise<boolean>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < items.length; at += atOnce) {
    if (!(await mayGoOn())) return;
    await Promise.all(items.slice(at, at + atOnce).map(work));
  }
}
