import { AppError } from '@touchstone/shared/contracts/failure';

/** What the structure of a file says. Sizes are those of the stored pixels, before any orientation. */
export type FormatHeader = {
  width: number;
  height: number;
  /** Whether the file reaches its own end; looks at the rest of the structure, never at pixels. */
  isComplete(): Promise<boolean>;
};

export const unreadableHeader = (format: string) =>
  new AppError('undecodable_image', `The header of the ${format} file cannot be read.`);
export const cutShort = (format: string) => new AppError('truncated_image', `The ${format} file is cut short.`);
