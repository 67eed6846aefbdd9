/** A file that cannot be imported, and why; the message is for the person at the keyboard and names no folders. */
export class ImportError extends Error {
  override name = 'ImportError';
}
