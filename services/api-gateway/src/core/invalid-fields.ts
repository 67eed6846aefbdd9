import { AppError } from '@touchstone/shared/contracts/failure';

/** `pointer` is a JSON pointer (RFC 6901) to the field; `detail` never repeats what the client wrote. */
export type FieldError = { pointer: string; detail: string };

export const pointerTo = (name: string) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** A `malformed_request` that names the fields at fault. */
export class InvalidFields extends AppError {
  readonly errors: FieldError[];

  constructor(errors: FieldError[]) {
    super('malformed_request', 'Some of the fields cannot be accepted; `errors` says which and why.');
    this.errors = errors;
  }
}
