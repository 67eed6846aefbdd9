import { DeliveryOutcome, type DeliveryRecord } from '@touchstone/shared/contracts/webhook';
import { InvalidFields, pointerTo, type FieldError } from './invalid-fields.ts';

/** `position`: what follows the endpoint in the key behind which the page begins. */
export type DeliveryQuery = { limit: number; position: string | null; status: DeliveryRecord['outcome'] | null };

const NAMES = ['cursor', 'limit', 'since', 'status'];
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 100;
const POSITION = /^det_[0-9a-f]{32}\/r\d{1,6}\/\d{4,}\.json$/;

/** An unknown parameter is refused: a filter that is silently ignored would show the wrong list. */
export function parseDeliveryQuery(query: URLSearchParams): DeliveryQuery {
  const errors: FieldError[] = [];
  const refuse = (name: string, detail: string) => void errors.push({ pointer: pointerTo(name), detail });
  for (const name of new Set(query.keys())) {
    if (!NAMES.includes(name)) refuse(name, 'is not supported here');
    else if (query.getAll(name).length > 1) refuse(name, 'may be given once');
  }
  const limit = query.get('limit') ?? String(DEFAULT_LIMIT);
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_LIMIT) {
    refuse('limit', `must be a number from 1 to ${MAX_LIMIT}`);
  }
  const cursor = query.get('cursor');
  const position = cursor === null ? null : Buffer.from(cursor, 'base64url').toString('latin1');
  if (position !== null && !POSITION.test(position)) refuse('cursor', 'is not a cursor of this list');
  const since = query.get('since');
  const sinceMs = since === null ? null : Date.parse(since);
  if (since !== null && (!/^\d{4}-\d\d-\d\dT/.test(since) || Number.isNaN(sinceMs)))
    refuse('since', 'must be an RFC 3339 time');
  const status = query.get('status');
  const outcome = DeliveryOutcome.safeParse(status);
  if (status !== null && !outcome.success) refuse('status', `must be one of ${DeliveryOutcome.options.join(', ')}`);
  if (errors.length > 0) throw new InvalidFields(errors);
  return {
    limit: Number(limit),
    position: position ?? (sinceMs === null ? null : startOf(sinceMs)),
    status: outcome.data ?? null,
  };
}

/** Ids begin with their time, so this sorts before all that were accepted from then on. */
const startOf = (ms: number) => `det_${Math.max(0, ms).toString(16).padStart(12, '0')}`;
