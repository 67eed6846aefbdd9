import type { Logger } from '@touchstone/shared/observe/logger';
import { childEntry } from '@touchstone/shared/process/child-entry';
import { UndecodableImageError, type ImagePreparer, type InputPlan } from '../core/prepared-image.ts';
import {
  PreparerLostError,
  startPreparerProcess,
  type PreparerLimits,
  type PreparerProcess,
} from './preparer-process.ts';

export type PreparerPoolOptions = PreparerLimits & {
  plans: InputPlan[];
  /** Images prepared at the same time, in a child each; one more child waits as a spare. */
  size: number;
  /** A child is replaced after so many images, for the sake of what its heap has become. */
  recycleAfter: number;
  logger: Logger;
  /** Program of the children, for tests of what a child may do. */
  entry?: URL;
};

const START_ATTEMPTS = 3;
const ATTEMPTS_PER_IMAGE = 2;

/** A place for one image at a time, and the child that works there. */
type Slot = { child: PreparerProcess | null };

/**
 * Starts the children and waits until they are warm; rejects with what they print when they die at every start. An
 * image whose child dies or is killed gets one more try in a fresh child, then it is called undecodable. Images wait
 * for a place in the order in which they came.
 */
export async function openPreparerPool(options: PreparerPoolOptions): Promise<ImagePreparer> {
  const { plans, size, recycleAfter, logger } = options;
  const entry = options.entry ?? childEntry(import.meta, 'preparer.child');
  const children = new Set<PreparerProcess>();
  const freeSlots: Slot[] = [];
  const waiting: { resolve: (slot: Slot) => void; reject: (error: Error) => void }[] = [];
  let isClosed = false;
  const closedError = () => new Error('the preparer is closed');

  async function startChild(): Promise<PreparerProcess> {
    for (let attempt = 1; ; attempt++) {
      if (isClosed) throw closedError();
      const child = startPreparerProcess(entry, plans, options);
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

  let spare: Promise<PreparerProcess> | undefined;
  function warmSpare(): void {
    spare = startChild();
    spare.catch((error: unknown) => {
      if (!isClosed) logger.error({ err: error }, 'no spare preparer');
    });
  }
  async function takeSpare(): Promise<PreparerProcess> {
    const taken = spare ?? startChild();
    warmSpare();
    return await taken;
  }

  /** The slot's child; a fresh one when it has died or served its time. */
  async function childOf(slot: Slot): Promise<PreparerProcess> {
    while (slot.child === null || !slot.child.isAlive() || slot.child.taken() >= recycleAfter) {
      if (slot.child !== null) {
        children.delete(slot.child);
        await slot.child.end();
        slot.child = null;
      }
      slot.child = await takeSpare();
    }
    return slot.child;
  }

  function takeSlot(): Promise<Slot> {
    if (isClosed) return Promise.reject(closedError());
    const slot = freeSlots.shift();
    if (slot !== undefined) return Promise.resolve(slot);
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  }

  function giveSlot(slot: Slot): void {
    const next = waiting.shift();
    if (next === undefined) freeSlots.push(slot);
    else next.resolve(slot);
  }

  try {
    freeSlots.push(...(await Promise.all(Array.from({ length: size }, async () => ({ child: await startChild() })))));
  } catch (error) {
    await close();
    throw error;
  }
  warmSpare();

  return {
    async prepare(file, mediaType) {
      const slot = await takeSlot();
      try {
        for (let attempt = 1; ; attempt++) {
          const child = await childOf(slot);
          try {
            return await child.prepare(file, mediaType);
          } catch (error) {
            if (isClosed) throw closedError();
            if (!(error instanceof PreparerLostError)) throw error;
            logger.warn({ preparerPid: child.pid, reason: error.message, attempt }, 'lost a preparer with its image');
            if (attempt === ATTEMPTS_PER_IMAGE) throw new UndecodableImageError('the image broke two preparers');
          }
        }
      } finally {
        giveSlot(slot);
      }
    },
    close,
  };
}
