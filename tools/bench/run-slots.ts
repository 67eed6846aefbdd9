import { readLoad } from './machine-facts.ts';

/** Runs a method's slots one after the other and notes the load of the machine at each end. */
export async function runSlots<T>(
  count: number,
  slot: (index: number) => Promise<T>,
): Promise<{ slots: T[]; loads: number[] }> {
  const slots: T[] = [];
  const loads = [readLoad()];
  for (let i = 0; i < count; i++) {
    slots.push(await slot(i));
    loads.push(readLoad());
  }
  return { slots, loads };
}
