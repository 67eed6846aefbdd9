import { InvalidFields, pointerTo, type FieldError } from './invalid-fields.ts';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 100;
/** What follows the tenant in an index key. */
const POSITION = /^\d{13}-det_[0-9a-f]{32}$/;

/** `position`: where the page before ended, in the tenant's own index. */
export type ListQuery = { limit: number; position: string | null };

/** An unknown parameter is refused: a filter that is silently ignored would show the wrong list. */
export function parseListQuery(query: URLSearchParams): ListQuery {
  const errors: FieldError[] = [];
  for (const name of new Set(query.keys())) {
    if (name !== 'cursor' && name !== 'limit')
      errors.push({ pointer: pointerTo(name), detail: 'is not supported here' });
    else if (query.getAll(name).length > 1) errors.push({ pointer: pointerTo(name), detail: 'may be given once' });
  }
  const limit = query.get('limit') ?? String(DEFAULT_LIMIT);
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_LIMIT) {
    errors.push({ pointer: '/limit', detail: `must be a number from 1 to ${MAX_LIMIT}` });
  }
  const cursor = query.get('cursor');
  const position = cursor === null ? null : positionOf(cursor);
  if (cursor !== null && position === null) {
    errors.push({ pointer: '/cursor', detail: 'is not a cursor of this list' });
  }
  if (errors.length > 0) throw new InvalidFields(errors);
  return { limit: Number(limit), position };
}

/** Null for what is no cursor of an index. */
export function positionOf(cursor: string): string | null {
  const position = Buffer.from(cursor, 'base64url').toString('latin1');
  return POSITION.test(position) ? position : null;
}

/** Opaque to clients, so that what it means may change. */
export const cursorOf = (position: string) => Buffer.from(position, 'latin1').toString('base64url');
