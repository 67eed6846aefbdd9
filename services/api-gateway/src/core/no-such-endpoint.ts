import { AppError } from '@touchstone/shared/contracts/failure';

/** The same for an unknown id, another tenant's and one that was removed: it tells nothing. */
export const noSuchEndpoint = () => new AppError('not_found', 'There is no such webhook endpoint.');
