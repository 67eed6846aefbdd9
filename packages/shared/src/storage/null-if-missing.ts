import { hasErrorCode } from '../process/error-code.ts';

/** For `catch`: what is not there is null, any other error stays one. */
export function nullIfMissing(error: unknown): null {
  if (hasErrorCode(error, 'ENOENT') || hasErrorCode(error, 'ENOTDIR')) return null;
  throw error;
}
