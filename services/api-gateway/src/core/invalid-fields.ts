import { AppError, type FailureCode } from '@touchstone/shared/contracts/failure';

/** `pointer` is a JSON pointer (RFC 6901) to the field; `detail` never repeats what the client wrote. */
export type FieldError = { pointer: string; detail: string };

export const pointerTo = (name: string) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

const USUAL_DETAIL = 'Some of the fields cannot be accepted; `errors` says which and why.';

/** A refusal that names the fields at fault. */
export class InvalidFields extends AppError {
  readonly errors: FieldError[];

  constructor(errors: FieldError[], code: FailureCode = 'malformed_request', detail = USUAL_DETAIL) {
    super(code, detail);
    this.errors = errors;
  }
}
