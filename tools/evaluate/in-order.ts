/** Images that are in work at the same time: two workers, and one that is ready for each. */
const AHEAD = 4;

/** Works on a few items at a time and hands the results over in the order of the items, whichever is done first. */
export async function inOrder<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  take: (result: Result, item: Item, index: number) => Promise<void> | void,
): Promise<void> {
  const running: Promise<Result>[] = [];
  let started = 0;
  for (const [i, item] of items.entries()) {
    for (; started < Math.min(items.length, i + AHEAD); started++) {
      const result = work(items[started]!);
      // Whoever awaits it hears of a failure; until then it is nobody's unhandled rejection.
      result.catch(() => undefined);
      running.push(result);
    }
    await take(await running.shift()!, item, i);
  }
}
