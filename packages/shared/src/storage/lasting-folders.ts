import { dirname } from 'node:path';

/** Folders whose names survive a power loss, as far as this writer knows. */
export type LastingFolders = {
  /** What has to be synced so that a new name in `folder` survives: it, and whatever holds a folder on the way to it. */
  directoriesToSync(folder: string): string[];
  /** Those directories were synced after the folders had been made. */
  add(folders: readonly string[]): void;
  /** `first` was made, and whatever is between it and `folder`: what was known of folders of these names is void. */
  forget(first: string, folder: string): void;
};

/** Folders of single detections are many and each is used for a moment; those that all go through are used again at once. */
const MOST_FOLDERS = 2_000;

/** Of what is below `root`, which lasts. */
export function openLastingFolders(root: string, most = MOST_FOLDERS): LastingFolders {
  const known = new Set<string>();
  /** From `folder` up to the root, without the root. */
  const wayTo = (folder: string): string[] => (folder === root ? [] : [folder, ...wayTo(dirname(folder))]);
  return {
    directoriesToSync: (folder) => [
      folder,
      ...wayTo(folder)
        .filter((step) => !known.has(step))
        .map((step) => dirname(step)),
    ],
    add(folders) {
      for (const step of folders.flatMap(wayTo)) {
        known.delete(step);
        known.add(step);
      }
      for (const oldest of known) {
        if (known.size <= most) break;
        known.delete(oldest);
      }
    },
    forget(first, folder) {
      for (const step of wayTo(folder)) {
        known.delete(step);
        if (step === first) break;
      }
    },
  };
}
