/** Whether an error of Node carries this code, e.g. `ENOENT`. Not by `instanceof`: jest's tests live in another realm. */
export function hasErrorCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}

/** Whatever was thrown, as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error || Object.prototype.toString.call(thrown) === '[object Error]'
    ? (thrown as Error)
    : new Error(String(thrown));
}
