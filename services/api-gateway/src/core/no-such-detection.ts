import { AppError } from '@touchstone/shared/contracts/failure';

/** The same for an unknown id, another tenant's and one that was erased: it tells nothing. */
export const noSuchDetection = () => new AppError('not_found', 'There is no such detection.');
