import { CNN_SLOTS, CnnSlot } from '@touchstone/shared/contracts/vocabulary';

export type BundleChoice = Partial<Record<CnnSlot, string>>;

/** Where the bundle of each slot lies: as the command says, as a worker would have it, or the one that ships. */
export const modelPathsOf = (chosen: BundleChoice, env: NodeJS.ProcessEnv): Record<CnnSlot, string> => ({
  sbi: chosen.sbi ?? env['MODEL_SBI_PATH'] ?? 'models/sbi-lite',
  distildire: chosen.distildire ?? env['MODEL_DISTILDIRE_PATH'] ?? 'models/distildire-lite',
});

/** `slot=path` of `--bundle`. */
export function readBundleOption(text: string): [CnnSlot, string] {
  const at = text.indexOf('=');
  const slot = CnnSlot.safeParse(text.slice(0, at));
  const path = text.slice(at + 1);
  if (!slot.success || path === '') throw new Error(`--bundle: write ${CNN_SLOTS[0]}=PATH, not ${text}`);
  return [slot.data, path];
}
