/** An image that cannot be decoded, that took too long, or that broke two children in a row: final, never worth a retry. */
export class UndecodableImageError extends Error {
  override readonly name = 'UndecodableImageError';
}
