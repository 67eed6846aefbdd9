import type { Logger } from '@touchstone/shared/observe/logger';
import { ChildLostError, startDisposableChild, type ChildLimits, type DisposableChild } from './disposable-child.ts';
import { UndecodableImageError } from './undecodable-image-error.ts';

export type DisposablePoolOptions = ChildLimits & {
  /** Program of the children. */
  entry: URL;
  /** What every child gets before its first task. */
  setup: unknown;
  /** Tasks worked on at the same time, in a child each; one more child waits as a spare. */
  size: number;
  /** A child is replaced after so many tasks, for the sake of what its heap has become. */
  recycleAfter: number;
  logger: Logger;
};

/** Children that work on images of strangers, where a file can do no harm but to the child that has it. */
export type DisposablePool<Task, Answer> = {
  /** Rejects with UndecodableImageError when the image is at fault, with any other error when we are. */
  run(task: Task): Promise<Answer>;
  /** Ends every child and every wait. */
  close(): Promise<void>;
};

const START_ATTEMPTS = 3;
const ATTEMPTS_PER_TASK = 2;

/** A place for one task at a time, and the child that works there. */
type Place<Task, Answer> = { child: DisposableChild<Task, Answer> | null };

/**
 * Starts the children and waits until they are warm; rejects with what they print when they die at every start. A task
 * whose child dies or is killed gets one more try in a fresh child, then its image is called undecodable; one that took
 * too long gets none, because it would hold its place as long again. Tasks wait for a place in the order in which they
 * came.
 */
export async function openDisposablePool<Task, Answer>(
  options: DisposablePoolOptions,
): Promise<DisposablePool<Task, Answer>> {
  type Child = DisposableChild<Task, Answer>;
  const { entry, setup, size, recycleAfter, logger } = options;
  const children = new Set<Child>();
  const freePlaces: Place<Task, Answer>[] = [];
  const waiting: { resolve: (place: Place<Task, Answer>) => void; reject: (error: Error) => void }[] = [];
  let isClosed = false;
  const closedError = () => new Error('the pool is closed');

  async function startChild(): Promise<Child> {
    for (let attempt = 1; ; attempt++) {
      if (isClosed) throw closedError();
      const child: Child = startDisposableChild(entry, setup, options);
      children.add(child);
      try {
        await child.ready;
        return child;
      } catch (error) {
        children.delete(child);
        if (attempt === START_ATTEMPTS) throw error;
      }
    }
  }

  async function close(): Promise<void> {
    isClosed = true;
    for (const { reject } of waiting.splice(0)) reject(closedError());
    await Promise.all([...children].map((child) => child.end()));
    await spare?.catch(() => undefined);
  }

  let spare: Promise<Child> | undefined;
  function warmSpare(): void {
    spare = startChild();
    spare.catch((error: unknown) => {
      if (!isClosed) logger.error({ err: error }, 'no spare child');
    });
  }
  async function takeSpare(): Promise<Child> {
    const taken = spare ?? startChild();
    warmSpare();
    return await taken;
  }

  /** The child of the place; a fresh one when it has died or served its time. */
  async function childOf(place: Place<Task, Answer>): Promise<Child> {
    while (place.child === null || !place.child.isAlive() || place.child.taken() >= recycleAfter) {
      if (place.child !== null) {
        children.delete(place.child);
        await place.child.end();
        place.child = null;
      }
      place.child = await takeSpare();
    }
    return place.child;
  }

  function takePlace(): Promise<Place<Task, Answer>> {
    if (isClosed) return Promise.reject(closedError());
    const place = freePlaces.shift();
    if (place !== undefined) return Promise.resolve(place);
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  }

  function givePlace(place: Place<Task, Answer>): void {
    const next = waiting.shift();
    if (next === undefined) freePlaces.push(place);
    else next.resolve(place);
  }

  try {
    freePlaces.push(...(await Promise.all(Array.from({ length: size }, async () => ({ child: await startChild() })))));
  } catch (error) {
    await close();
    throw error;
  }
  warmSpare();

  return {
    async run(task) {
      const place = await takePlace();
      try {
        for (let attempt = 1; ; attempt++) {
          const child = await childOf(place);
          try {
            return await child.run(task);
          } catch (error) {
            if (isClosed) throw closedError();
            if (!(error instanceof ChildLostError)) throw error;
            logger.warn({ childPid: child.pid, reason: error.message, attempt }, 'lost a child with its image');
            if (error.wasLate) throw new UndecodableImageError('the image took too long');
            if (attempt === ATTEMPTS_PER_TASK) throw new UndecodableImageError('the image broke two children');
          }
        }
      } finally {
        givePlace(place);
      }
    },
    close,
  };
}
